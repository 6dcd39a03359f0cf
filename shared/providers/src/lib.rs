//! Outbound: image and chat providers, and the choice between them.

pub mod automatic1111;
mod call;
mod catalog;
mod document;
pub mod midjourney;
mod model_list;
mod models;
mod openai;
mod own_words;
mod picture_urls;
mod reading;
mod redact;
mod registry;
pub mod sandbox;
mod seed;
mod settings_versions;
pub mod stability;

pub use call::BaseUrl;
pub use document::{BadDocument, FieldError};
pub use model_list::ModelList;
pub use registry::{CurrentRegistry, DOCUMENT_TTL, Registry};
