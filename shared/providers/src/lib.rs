//! Outbound: image providers, and the choice between them.

pub mod sandbox;
pub mod thumbnail;
