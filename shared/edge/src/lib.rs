//! Inbound: HTTP and event bodies into domain values, and answers back.

pub mod auth;
pub mod batch;
pub mod env;
pub mod fields;
pub mod generate;
pub mod http;
pub mod log;
pub mod wire;

/// Where every path of the API begins.
pub const API: &str = "/api/v1";
