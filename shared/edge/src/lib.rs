//! Inbound: HTTP and event bodies into domain values, and answers back.

pub mod auth;
pub mod batch;
pub mod cors;
pub mod env;
pub mod fields;
pub mod gate;
pub mod generate;
pub mod http;
pub mod idempotency;
pub mod log;
pub mod picture;
mod refusal;
pub mod request;
pub mod route;
pub mod wire;

/// Where every path of the API begins.
pub const API: &str = "/api/v1";
