//! Outbound: image providers, and the choice between them.

mod document;
mod registry;
pub mod sandbox;
pub mod thumbnail;

pub use document::BadDocument;
pub use registry::{CurrentRegistry, Registry};
