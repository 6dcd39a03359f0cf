//! Support for the end-to-end tests: local clouds, stand-ins of providers, and webhook endpoints.

// A test that cannot continue panics.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod cloud;
mod leaks;
pub mod moody;
pub mod receiver;
pub mod records;
pub mod roles;
pub mod stand_ins;
pub mod tokens;
pub mod verifier;
