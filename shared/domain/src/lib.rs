//! What an image job is and what may happen to it: no runtime, no SDK, no HTTP.
//!
//! Everything here is plain data and pure functions, so that each rule can be tested without anything
//! around it. One module for each area; its `ports` say what the rules need from the outside, which the
//! crates `aws` and `providers` supply.

pub mod access;
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

pub use error::{Error, FieldError};
pub use jobs::{Batch, Job, JobEvent, JobStatus};
pub use primitives::{BatchId, JobId, KeyId, MessageId, SessionId, Timestamp, TraceId, UserId, WebhookId};
pub use store::StoreError;
