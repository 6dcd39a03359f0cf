//! Logic that several functions share, independent of HTTP and AWS.

pub mod addons;
pub mod backoff;
pub mod jobs;
