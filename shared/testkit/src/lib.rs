//! Fakes of every port and makers of values, for tests. The stores keep the very promises of the
//! real ones: conditional writes, all or nothing, and reads of what was written last.

// A test helper that cannot go on has nothing better to do than to panic.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod chats;
mod events;
mod front;
mod kept;
mod logs;
mod memory;
mod registry;
mod secret;
pub mod standin;
mod values;
mod watch;
mod webhooks;
pub mod webp;

pub use events::{
    SAMPLE_BATCH, SAMPLE_JOB, SAMPLE_KEY, SAMPLE_SESSION, SAMPLE_WEBHOOK, event, event_names, sample_job,
    sample_key, sample_session,
};
pub use kept::Kept;
pub use logs::Logs;
pub use memory::{Memory, Sent};
pub use secret::KeptSecret;
pub use values::{a_request, an_image, api_key, batch, image_task, job, principal};
