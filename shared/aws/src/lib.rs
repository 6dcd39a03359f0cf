//! Outbound: the domain's ports on DynamoDB, SQS, S3 and Secrets Manager.
//!
//! One file for each port, in the areas of the domain. [`keys`] holds the key of every row and object, and
//! nothing else builds one.

pub mod access;
pub mod chat;
pub mod config;
pub mod dynamodb;
mod errors;
pub mod jobs;
pub mod keys;
pub mod probes;
mod providers;
pub mod queues;
pub mod secrets;
mod ttl_cache;
pub mod webhooks;
