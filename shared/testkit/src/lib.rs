//! In-memory fakes of all ports and builders of values, for tests. The fake stores give the same guarantees
//! as the real ones: conditional writes, atomic transactions and reads of the last write.

// A test helper that cannot continue may only panic.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod addon_state;
mod addons;
mod auth_stores;
mod chats;
mod events;
mod host_permits;
mod images;
mod kept;
mod logs;
mod memory;
mod provider_stores;
mod registry;
mod secret;
pub mod standin;
mod values;
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
