//! Logic that several functions share, independent of HTTP and AWS.

pub mod backoff;
pub mod jobs;
