//! Inbound HTTP: requests into domain values, and answers back.

pub mod api;
pub mod auth;
pub mod http;
pub mod openapi;

/// The path prefix of the API.
pub const API: &str = "/api/v1";
