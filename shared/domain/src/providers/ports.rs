//! Providers, and the stores of what is known about them.

#![warn(missing_docs)]

use crate::chat::request::ChatTask;
use crate::images::picture::Picture;
use crate::providers::capacity::ProviderCapacity;
use crate::providers::deprecation::ModelDeprecations;
use crate::providers::error::{ProviderError, Reason};
use crate::providers::status::ProviderStatus;
use crate::providers::task::{CapacityLimits, GeneratedImage, ImageTask, Step, Unsupported};
use crate::store::StoreError;
use async_trait::async_trait;

/// What is under way at the providers.
#[async_trait]
pub trait CapacityStore: Send + Sync {
    /// What is under way at this provider, as it is now (a strongly consistent read).
    async fn load_capacity(&self, provider: &str) -> Result<ProviderCapacity, StoreError>;

    /// Writes it on the condition that the row still has the revision it was read with.
    async fn save_capacity(&self, capacity: &mut ProviderCapacity) -> Result<(), StoreError>;
}

/// What workers last saw of the providers.
#[async_trait]
pub trait ProviderStatusStore: Send + Sync {
    /// Remembers this, in place of what was seen of that provider before.
    async fn record_status(&self, status: &ProviderStatus) -> Result<(), StoreError>;

    /// What was last seen of each provider.
    async fn provider_statuses(&self) -> Result<Vec<ProviderStatus>, StoreError>;
}

/// What makers said about the end of their models.
#[async_trait]
pub trait DeprecationStore: Send + Sync {
    /// What was last said to `provider`, as it is now (a strongly consistent read).
    async fn deprecations(&self, provider: &str) -> Result<Option<ModelDeprecations>, StoreError>;

    /// What was last said to each provider.
    async fn all_deprecations(&self) -> Result<Vec<ModelDeprecations>, StoreError>;

    /// Remembers this, in place of what was said to that provider before.
    async fn save_deprecations(&self, deprecations: &ModelDeprecations) -> Result<(), StoreError>;
}

/// Why a provider must stop: the images are not wanted any more, or cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the worker wants no more")]
pub struct Stop;

impl From<Stop> for ProviderError {
    fn from(Stop: Stop) -> Self {
        // The worker knows why it stopped; this is only how the provider's call comes back to it.
        Self::new(crate::providers::error::ErrorClass::Internal, Reason::Failed, "stopped by the worker")
    }
}

/// Takes what a provider makes, the moment it is made.
#[async_trait]
pub trait ImageSink: Send + Sync {
    /// Stores image `index` of the job. It may have any size: the worker makes it the one asked for.
    async fn image(&self, index: u8, image: GeneratedImage) -> Result<(), Stop>;

    /// How far the provider has come with all of it, from 0 to 100.
    async fn progress(&self, percent: u8) -> Result<(), Stop>;

    /// Writes down at once what the provider needs to find again the work it has under way, in place
    /// of what it noted before. To be called the moment that work has an id, before anything else.
    async fn checkpoint(&self, handle: &str) -> Result<(), Stop>;
}

/// Makes images. It never sleeps: it finishes, or says when to ask it again.
#[async_trait]
pub trait ImageProvider: Send + Sync {
    /// Its name on the wire.
    fn name(&self) -> &'static str;

    /// Whether it can make exactly this: size, count, quality, and a prompt of this length.
    ///
    /// # Errors
    ///
    /// Why not.
    fn supports(&self, picture: &Picture) -> Result<(), Unsupported>;

    /// How many calls that cost money it will make for `task` at the most: none if it only asks for what
    /// it was paid for already.
    fn max_paid_calls(&self, task: &ImageTask) -> u32;

    /// How much it bears; nothing, if that need not be counted.
    fn capacity_limits(&self) -> Option<CapacityLimits>;

    /// Makes the missing images of `task` and hands each to `sink` the moment it has it. Tries once.
    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError>;
}

/// Replies in a chat.
#[async_trait]
pub trait ChatProvider: Send + Sync {
    /// Its name in logs.
    fn name(&self) -> &'static str;

    /// What it has to say to all that was said.
    async fn reply(&self, task: &ChatTask) -> Result<String, ProviderError>;
}
