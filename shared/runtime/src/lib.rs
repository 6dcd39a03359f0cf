//! Shared setup of all functions: configuration, logging, batches of queue messages.

pub mod config;
pub mod log;
pub mod sqs_batch;
