//! The adapters of providers, and the stores of provider data.

#![warn(missing_docs)]

use async_trait::async_trait;

use crate::chat::request::ChatTask;
use crate::images::picture::Picture;
use crate::providers::capacity::ProviderCapacity;
use crate::providers::deprecation::ModelDeprecations;
use crate::providers::error::{ProviderError, Reason};
use crate::providers::status::ProviderStatus;
use crate::providers::task::{CapacityLimits, GeneratedImage, ImageTask, Step, Unsupported};
use crate::providers::wait_reason::WaitReason;
use crate::store::StoreError;

/// Stores the capacity of providers.
#[async_trait]
pub trait CapacityStore: Send + Sync {
    /// Loads the capacity of a provider with a strongly consistent read. Returns an unused capacity if
    /// there is no row, or if it has expired.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn load_capacity(&self, provider: &str) -> Result<ProviderCapacity, StoreError>;

    /// Saves the capacity and increments its revision.
    ///
    /// Fails with [`StoreError::Conflict`] if the row no longer has the revision that it was read with,
    /// and with [`StoreError::Unavailable`].
    async fn save_capacity(&self, capacity: &mut ProviderCapacity) -> Result<(), StoreError>;
}

/// Stores the status of each provider as a worker last observed it.
#[async_trait]
pub trait ProviderStatusStore: Send + Sync {
    /// Stores the status of a provider and replaces its previous status, without a condition.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn record_status(&self, status: &ProviderStatus) -> Result<(), StoreError>;

    /// Returns the last status of each provider, in no particular order.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn provider_statuses(&self) -> Result<Vec<ProviderStatus>, StoreError>;
}

/// Stores what vendors announced about the shutdown of their models.
#[async_trait]
pub trait DeprecationStore: Send + Sync {
    /// Loads the deprecations of `provider` with a strongly consistent read. Returns `None` if there are
    /// none, or if they have expired.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn deprecations(&self, provider: &str) -> Result<Option<ModelDeprecations>, StoreError>;

    /// Returns the deprecations of all providers.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn all_deprecations(&self) -> Result<Vec<ModelDeprecations>, StoreError>;

    /// Stores the deprecations of a provider and replaces the previous ones, without a condition.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn save_deprecations(&self, deprecations: &ModelDeprecations) -> Result<(), StoreError>;
}

/// Tells a provider's adapter to stop: the images are no longer wanted, or they cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped by the worker")]
pub struct Stop;

impl From<Stop> for ProviderError {
    fn from(Stop: Stop) -> Self {
        // The worker knows why it stopped. This error only ends the adapter's call.
        Self::new(crate::providers::error::ErrorClass::Internal, Reason::Failed, "stopped by the worker")
    }
}

/// Receives images from a provider's adapter as soon as they are made.
#[async_trait]
pub trait ImageSink: Send + Sync {
    /// Stores the image with this index of the job (from 0). The image may have any size: the worker
    /// converts it to the requested one.
    ///
    /// Fails with [`Stop`] if the adapter must stop.
    async fn image(&self, index: u8, image: GeneratedImage) -> Result<(), Stop>;

    /// Reports the progress of the whole task, from 0 to 100.
    ///
    /// Fails with [`Stop`] if the adapter must stop.
    async fn progress(&self, percent: u8) -> Result<(), Stop>;

    /// Stores what the adapter needs to find its task again, and replaces the previous checkpoint.
    ///
    /// The adapter calls this as soon as the task has an id, before anything else: otherwise a crash
    /// would lose a paid task. Fails with [`Stop`] if the adapter must stop.
    async fn checkpoint(&self, handle: &str) -> Result<(), Stop>;

    /// Records that the attempt makes `calls` more paid calls than [`ImageProvider::max_paid_calls`] said, because
    /// a call made fewer images than it was asked for. `one_per_call`: it made one of several, which is remembered
    /// for the provider.
    ///
    /// The adapter calls this before these calls. Fails with [`Stop`] if it must not make them.
    async fn more_calls(&self, calls: u32, one_per_call: bool) -> Result<(), Stop>;

    /// Says what the task waits for although the provider is not at work on it: a picture that cannot be downloaded
    /// now ([`WaitReason::Backoff`]), or not before the operator changes a setting ([`WaitReason::Account`]).
    ///
    /// The adapter calls this before it returns [`Step::Pending`] for that. The job's state shows it until the
    /// next look.
    fn waits_for(&self, reason: WaitReason) {
        _ = reason;
    }
}

/// The adapter of an image provider. It never sleeps: it finishes, or returns when to poll again.
#[async_trait]
pub trait ImageProvider: Send + Sync {
    /// Returns the provider's name on the wire.
    fn name(&self) -> &'static str;

    /// Checks whether the provider can make exactly this: size, count, quality, and a prompt of this
    /// length.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] with the reason.
    fn supports(&self, picture: &Picture) -> Result<(), Unsupported>;

    /// Returns the maximum number of paid calls for `task`: 0 if the adapter only polls a task that is
    /// already paid for.
    fn max_paid_calls(&self, task: &ImageTask) -> u32;

    /// Returns the provider's limits. `None` if calls need no permit.
    fn capacity_limits(&self) -> Option<CapacityLimits>;

    /// Makes the missing images of `task`, and passes each to `sink` as soon as it is available. Makes
    /// one attempt.
    ///
    /// Fails with [`ProviderError`], whose class decides whether there is another attempt.
    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError>;
}

/// The adapter of a chat provider.
#[async_trait]
pub trait ChatProvider: Send + Sync {
    /// Returns the provider's name in logs.
    fn name(&self) -> &'static str;

    /// Returns the reply to the conversation in `task`.
    ///
    /// Fails with [`ProviderError`].
    async fn reply(&self, task: &ChatTask) -> Result<String, ProviderError>;
}
