//! What every function needs around its handler: configuration, logs, batches of queue messages.

pub mod config;
pub mod log;
pub mod sqs_batch;
