//! Webhooks: what is posted, what is listed, and the signing secret.

pub mod attempts;
pub mod payload;
pub mod secret;
