//! Webhooks: their payload, the list of attempts, and the signing secret.

pub mod attempts;
pub mod cursor;
pub mod payload;
pub mod secret;
