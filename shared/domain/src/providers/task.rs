//! The task that a worker gives to an image provider, and its outcome.

use std::time::Duration;

use bytes::Bytes;

use crate::images::content_warning::ContentWarning;
use crate::images::picture::Picture;
use crate::images::stored_image::ImageOrigin;
use crate::primitives::id::JobId;
use crate::primitives::timestamp::Timestamp;

/// The images that a provider makes for a job.
#[derive(Debug, Clone)]
pub struct ImageTask {
    pub job: JobId,
    pub picture: Picture,
    /// The indexes of the job's missing images, from 0.
    pub missing: Vec<u8>,
    /// The number of this attempt at the job, from 1.
    pub attempt: u32,
    /// A response after this time is useless.
    pub deadline: Timestamp,
    /// A pseudonym of the end user, for providers that detect abuse by single users. It reveals nothing
    /// about the user.
    pub user: String,
    /// The checkpoint of the task that this provider has in progress for the job.
    pub handle: Option<String>,
    /// Whether this provider makes one image a call, however many it is asked for, as an earlier job found out.
    pub one_per_call: bool,
}

impl ImageTask {
    /// Returns the time until the deadline.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.since(Timestamp::now())
    }
}

/// The limits of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapacityLimits {
    /// The maximum number of concurrent jobs, at least 1. The adapter itself limits the concurrent calls
    /// of one job.
    pub max_concurrent: u32,
    /// The maximum number of images in any minute, if the provider has such a limit.
    pub images_per_minute: Option<u32>,
}

/// Why a provider cannot make an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// A description for people. Contains no prompt.
    pub reason: String,
}

impl Unsupported {
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// An image as the provider returned it.
#[derive(Debug, Clone)]
pub struct GeneratedImage {
    /// The encoded image.
    pub bytes: Bytes,
    pub origin: ImageOrigin,
}

/// The outcome of a provider call that did not fail.
#[derive(Debug, Clone)]
pub enum Step {
    /// All images were passed to the sink.
    Finished(Finished),
    /// The provider is still working on the task. Poll it again with the checkpoint.
    Pending {
        /// Counted from now.
        poll_after: Duration,
    },
}

/// All images were passed to the sink.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    /// Content that some viewers may not want to see, according to the provider.
    pub warnings: Vec<ContentWarning>,
}
