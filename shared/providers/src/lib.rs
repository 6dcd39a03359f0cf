//! Outbound: image providers, and the choice between them.

mod call;
mod document;
pub mod fit;
mod models;
mod openai;
pub mod picture;
pub mod prepare;
mod redact;
mod registry;
mod resample;
pub mod sandbox;
pub mod thumbnail;

pub use document::BadDocument;
pub use registry::{CurrentRegistry, Registry};
