//! Outbound: image providers, and the choice between them.

mod registry;
pub mod sandbox;
pub mod thumbnail;

pub use registry::{BadDocument, Registry};
