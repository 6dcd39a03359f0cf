//! The rules of image jobs, chats, webhooks, addons and access: no runtime, no SDK, no HTTP.
//!
//! Everything here is plain data and pure functions, so that each rule can be tested on its own.
//! Each area has one module. Its `ports` module declares the traits of the stores and services that the
//! rules need; the crates `aws` and `providers` implement them.

pub mod access;
pub mod addons;
pub mod cause;
pub mod chat;
pub mod due;
pub mod error;
pub mod health;
pub mod images;
pub mod jobs;
pub mod primitives;
pub mod providers;
pub mod store;
pub mod webhooks;

pub use cause::Cause;
pub use error::{Error, FieldError};
pub use jobs::{Batch, Job, JobEvent, JobStatus};
pub use primitives::{BatchId, JobId, KeyId, MessageId, SessionId, Timestamp, TraceId, UserId, WebhookId};
pub use store::StoreError;
