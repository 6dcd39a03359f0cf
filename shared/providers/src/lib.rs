//! Outbound: image providers, and the choice between them.

mod document;
pub mod fit;
pub mod picture;
pub mod prepare;
mod registry;
mod resample;
pub mod sandbox;
pub mod thumbnail;

pub use document::BadDocument;
pub use registry::{CurrentRegistry, Registry};
