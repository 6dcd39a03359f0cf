//! Inbound HTTP: turns requests into domain values and domain values into responses.

pub mod api;
pub mod auth;
pub mod http;
pub mod openapi;

/// The path prefix of the API.
pub const API: &str = "/api/v1";
