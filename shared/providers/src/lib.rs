//! Outbound: image providers, and the choice between them.

pub mod automatic1111;
mod call;
mod document;
pub mod midjourney;
mod models;
mod openai;
mod redact;
mod registry;
pub mod sandbox;
mod seed;
pub mod stability;

pub use call::BaseUrl;
pub use document::{BadDocument, Fault};
pub use openai::ModelList;
pub use registry::{CurrentRegistry, Registry};
