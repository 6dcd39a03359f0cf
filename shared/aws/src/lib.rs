//! Outbound: the domain's ports on DynamoDB, SQS, S3 and Secrets Manager.
//!
//! One file per port. [`keys`] holds the key of every row and object, and nothing else builds one.

pub mod access;
pub mod config;
pub mod deliveries;
pub mod due;
pub mod images;
pub mod jobs;
pub mod keys;
pub mod queues;
mod row;
pub mod secrets;

use aws_sdk_dynamodb::error::DisplayErrorContext;
use domain::ports::StoreError;

/// The error of a call that did not go through, with every cause that the SDK knows.
fn unavailable(what: &str, error: impl std::error::Error) -> StoreError {
    StoreError::Unavailable(format!("{what}: {}", DisplayErrorContext(error)))
}
