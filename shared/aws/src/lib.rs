//! Outbound adapters: implement the domain's ports with DynamoDB, SQS, S3 and Secrets Manager.
//!
//! Each port has one file, in a folder named after its area of the domain. [`keys`] builds the keys of all
//! rows and objects; no other module builds a key.

pub mod access;
pub mod addons;
pub mod chat;
pub mod config;
pub mod dynamodb;
mod errors;
pub mod jobs;
pub mod keys;
#[cfg(test)]
mod lost_response;
pub mod probes;
mod providers;
pub mod queues;
pub mod secrets;
mod ttl_cache;
pub mod webhooks;
