//! Images behind URLs: made and paid for, but not fetched yet.
//!
//! Their URLs are written to the job's row before the first of them is fetched. So a transient download
//! error or a crash of the worker costs another download, not another image.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::Timestamp;
use domain::images::ImageOrigin;
use domain::providers::{ErrorClass, Finished, ImageSink, ImageTask, ProviderError, Reason, Step, Stop};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::call::fail_if_any;

/// How long OpenAI keeps an image behind its URL (API reference, `images/generate`: 60 minutes).
const URL_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// The pause before another attempt at a download.
const DOWNLOAD_RETRY_DELAY: Duration = Duration::from_secs(5);
/// A longer URL is fetched, but not written to the row: a row holds 400 KB, and some services put the image
/// itself into the URL.
const MAX_URL_LEN: usize = 4096;

/// An image that is to be fetched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PendingImage {
    pub(super) index: u8,
    pub(super) url: String,
    pub(super) origin: ImageOrigin,
}

/// The task handle in the job's row: every image that this attempt got as a URL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// When the first was made, in Unix ms.
    since: i64,
    pub(super) pictures: Vec<PendingImage>,
}

impl Checkpoint {
    /// The checkpoint of the task. An unreadable one was not written by this provider.
    pub(super) fn of(task: &ImageTask) -> Option<Self> {
        serde_json::from_str(task.handle.as_deref()?).ok()
    }

    /// Whether an image is probably still behind its URL after this failure.
    fn is_available(&self, failure: &ProviderError) -> bool {
        let transient = failure.class == ErrorClass::Internal
            || matches!(failure.reason, Reason::Timeout | Reason::NoAnswer);
        transient && Timestamp::now().since(Timestamp::from_millis(self.since)) <= URL_LIFETIME
    }

    /// The next step after these outcomes of the images' downloads.
    pub(super) fn outcome(&self, fetched: Vec<Result<(), ProviderError>>) -> Result<Step, ProviderError> {
        let (available, other): (Vec<_>, Vec<_>) = fetched
            .into_iter()
            .partition(|outcome| outcome.as_ref().is_err_and(|failure| self.is_available(failure)));
        next_step(fail_if_any(other.into_iter().filter_map(Result::err)), !available.is_empty())
    }
}

/// Images that are still available come before any failure but a refusal: they are paid for, and what failed
/// beside them can be made again.
fn next_step(made: Result<(), ProviderError>, available: bool) -> Result<Step, ProviderError> {
    match made {
        Err(refused) if refused.class == ErrorClass::Caller => Err(refused),
        Ok(()) | Err(_) if available => Ok(Step::Pending { poll_after: DOWNLOAD_RETRY_DELAY }),
        made => made.map(|()| Step::Finished(Finished::default())),
    }
}

/// Writes one checkpoint for all calls that run at the same time: each one replaces the one before it.
pub(super) struct CheckpointWriter<'a> {
    sink: &'a dyn ImageSink,
    checkpoint: Mutex<Checkpoint>,
    /// Whether the download of an image failed that is still available.
    any_available: AtomicBool,
}

impl<'a> CheckpointWriter<'a> {
    pub(super) fn new(sink: &'a dyn ImageSink) -> Self {
        let checkpoint = Checkpoint { since: Timestamp::now().millis(), pictures: Vec::new() };
        Self { sink, checkpoint: Mutex::new(checkpoint), any_available: AtomicBool::new(false) }
    }

    /// Adds these images. Await it before the first of them is fetched.
    pub(super) async fn add(&self, images: impl Iterator<Item = PendingImage>) -> Result<(), Stop> {
        let mut checkpoint = self.checkpoint.lock().await;
        let before = checkpoint.pictures.len();
        checkpoint.pictures.extend(images.filter(|image| image.url.len() <= MAX_URL_LEN));
        if checkpoint.pictures.len() == before {
            return Ok(());
        }
        // Text and numbers always serialize.
        self.sink.checkpoint(&serde_json::to_string(&*checkpoint).unwrap_or_default()).await
    }

    /// `Ok` in place of a failure if the image is in the checkpoint and still available.
    pub(super) async fn unless_available(
        &self,
        index: u8,
        fetched: Result<(), ProviderError>,
    ) -> Result<(), ProviderError> {
        let checkpoint = self.checkpoint.lock().await;
        match fetched {
            Err(failure)
                if checkpoint.pictures.iter().any(|image| image.index == index)
                    && checkpoint.is_available(&failure) =>
            {
                self.any_available.store(true, Ordering::Relaxed);
                Ok(())
            }
            fetched => fetched,
        }
    }

    /// The next step after all calls have ended.
    pub(super) fn outcome(&self, made: Result<(), ProviderError>) -> Result<Step, ProviderError> {
        next_step(made, self.any_available.load(Ordering::Relaxed))
    }
}
