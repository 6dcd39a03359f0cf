//! Credentials: API keys and tokens.

pub mod credential;
pub mod jwt;
