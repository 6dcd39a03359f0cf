//! What the worker asks of an image provider, and what it gets.

use bytes::Bytes;
use std::time::Duration;

use crate::images::content_warning::ContentWarning;
use crate::images::picture::Picture;
use crate::images::stored_image::ImageOrigin;
use crate::primitives::id::JobId;
use crate::primitives::timestamp::Timestamp;

/// What a provider is to make.
#[derive(Debug, Clone)]
pub struct ImageTask {
    /// For which job.
    pub job: JobId,
    /// What to make.
    pub picture: Picture,
    /// Which of the job's images are still missing, from 0.
    pub missing: Vec<u8>,
    /// The how manieth try at this job it is, from 1.
    pub attempt: u32,
    /// When an answer is of no more use.
    pub deadline: Timestamp,
    /// Stands for the end user, of whom it tells nothing: for providers that want to know when one
    /// user abuses them.
    pub user: String,
    /// What this provider noted of the work that it has under way for this job, if it has any.
    pub handle: Option<String>,
}

impl ImageTask {
    /// How long a provider still has.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.since(Timestamp::now())
    }
}

/// How many jobs at a time, and images a minute, a provider bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapacityLimits {
    /// Jobs at the same time; at least 1. The provider sees to it itself how many calls it makes at the
    /// same time for one job.
    pub max_concurrent: u32,
    /// Images in any minute, if the provider counts them.
    pub images_per_minute: Option<u32>,
}

/// Why a provider cannot make what is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// For a person; holds no prompt.
    pub reason: String,
}

impl Unsupported {
    /// For this reason.
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// An image as the provider made it.
#[derive(Debug, Clone)]
pub struct GeneratedImage {
    /// The encoded image.
    pub bytes: Bytes,
    /// Where it comes from.
    pub origin: ImageOrigin,
}

/// How far a call to a provider came that did not fail.
#[derive(Debug, Clone)]
pub enum Step {
    /// All images were handed over.
    Finished(Finished),
    /// The provider works on by itself: ask again after this time, with the handle that it noted.
    Pending {
        /// From now.
        poll_after: Duration,
    },
}

/// All images were handed over.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    /// What the provider says may trouble a viewer.
    pub warnings: Vec<ContentWarning>,
}
