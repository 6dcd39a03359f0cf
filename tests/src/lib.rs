//! What the end-to-end tests stand on: the local clouds that they share, stand-ins of providers, and a
//! receiver of webhooks.

// A test that cannot go on has nothing better to do than to panic.
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
