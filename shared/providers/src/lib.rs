//! Outbound: image providers, and the choice between them.

pub mod automatic1111;
mod call;
mod document;
pub mod fit;
mod grid;
pub mod midjourney;
mod models;
mod openai;
pub mod picture;
pub mod prepare;
mod redact;
mod registry;
mod resample;
pub mod sandbox;
mod seed;
pub mod stability;
pub mod thumbnail;

pub use call::BaseUrl;
pub use document::BadDocument;
pub use registry::{CurrentRegistry, Registry};
