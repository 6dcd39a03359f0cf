//! What an image job is and what may happen to it: no runtime, no SDK, no HTTP.
//!
//! Everything here is plain data and pure functions, with the clock and all randomness passed in,
//! so that each rule can be tested without anything around it. [`ports`] says what the rules need
//! from the outside; the crates `aws` and `providers` supply it.

pub mod access;
pub mod address;
pub mod api_key;
pub mod batch;
pub mod chat;
pub mod client;
pub mod delivery;
pub mod error;
pub mod health;
pub mod id;
pub mod idempotency;
pub mod image;
pub mod job;
pub mod limit;
pub mod pace;
pub mod ports;
pub mod provider;
pub mod receiver;
pub mod request;
pub mod secret;
pub mod signature;
pub mod status;
pub mod sunset;
pub mod timestamp;
pub mod token;
pub mod traffic;
pub mod tries;

pub use batch::Batch;
pub use error::{Error, Fault};
pub use id::{BatchId, JobId, KeyId, MessageId, SessionId, TraceId, UserId, WebhookId};
pub use job::Job;
pub use status::{JobEvent, JobStatus};
pub use timestamp::Timestamp;
