//! Stand-ins for providers, as strict as the real ones: they check the credential and every field, count paid
//! calls, and can fail in each way that a provider can.

pub mod automatic1111;
mod form;
pub mod midjourney;
pub mod openai;
mod picture;
pub mod server;
pub mod stability;

pub use form::{Field, fields};
pub use picture::{Encoding, painted};
pub use server::{Asked, Reply, Script, Server};
