//! What several functions do with jobs: neither HTTP nor AWS.

pub mod jobs;
