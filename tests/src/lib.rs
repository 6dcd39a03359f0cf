//! What the end-to-end tests stand on: one local cloud that they share, and a receiver of webhooks.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod cloud;
pub mod receiver;
pub mod records;
pub mod roles;
pub mod tokens;
