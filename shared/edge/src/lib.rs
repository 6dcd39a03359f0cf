//! Inbound: HTTP and event bodies into domain values, and answers back.

pub mod auth;
pub mod batch;
pub mod batch_request;
pub mod chat;
pub mod cors;
pub mod enqueue;
pub mod env;
pub mod estimate;
pub mod etag;
pub mod fan_out;
pub mod fields;
pub mod gate;
pub mod generate;
pub mod health;
pub mod http;
pub mod idempotency;
pub mod jwt;
pub mod keys;
pub mod list;
pub mod log;
pub mod many;
pub mod openapi;
pub mod owned;
pub mod picture;
pub mod prefer;
mod refusal;
pub mod request;
pub mod route;
pub mod token;
pub mod webhook_secret;
pub mod webhooks;
pub mod wire;

/// Where every path of the API begins.
pub const API: &str = "/api/v1";
