//! Images behind URLs: made and paid for, but not fetched yet.
//!
//! Their URLs are written to the job's row before the first of them is fetched. So a transient download
//! error or a crash of the worker costs another download, not another image.

use std::time::Duration;

use domain::Timestamp;
use domain::images::ImageOrigin;
use domain::providers::{ErrorClass, Finished, ImageSink, ImageTask, ProviderError, Step, Stop};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::call::fail_if_any;
use crate::picture_urls::Undelivered;

/// A longer URL is fetched, but not written to the row: a row holds 400 KB.
const MAX_URL_LEN: usize = 16 * 1024;

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

    /// How soon to try an image again after this failure; `None` if it is given up.
    fn again(&self, image: &Undelivered, sink: &dyn ImageSink) -> Option<Duration> {
        image.again(Timestamp::from_millis(self.since), sink)
    }

    /// The next step after these outcomes of the images' downloads.
    pub(super) fn outcome(
        &self,
        fetched: Vec<Result<(), Undelivered>>,
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        let (mut again, mut other) = (None, Vec::new());
        for image in fetched.into_iter().filter_map(Result::err) {
            match self.again(&image, sink) {
                Some(pause) => again = sooner(again, pause),
                None => other.push(image.failure),
            }
        }
        next_step(fail_if_any(other), again)
    }
}

fn sooner(pause: Option<Duration>, other: Duration) -> Option<Duration> {
    Some(pause.map_or(other, |pause| pause.min(other)))
}

/// Images that are still available come before any failure but a refusal: they are paid for, and what failed
/// beside them can be made again.
fn next_step(made: Result<(), ProviderError>, again: Option<Duration>) -> Result<Step, ProviderError> {
    match (made, again) {
        (Err(refused), _) if refused.class == ErrorClass::Caller => Err(refused),
        (Ok(()) | Err(_), Some(poll_after)) => Ok(Step::Pending { poll_after }),
        (made, None) => made.map(|()| Step::Finished(Finished::default())),
    }
}

/// Writes one checkpoint for all calls that run at the same time: each one replaces the one before it.
pub(super) struct CheckpointWriter<'a> {
    sink: &'a dyn ImageSink,
    state: Mutex<State>,
}

struct State {
    checkpoint: Checkpoint,
    /// How soon to try an image again whose download failed.
    again: Option<Duration>,
}

impl<'a> CheckpointWriter<'a> {
    pub(super) fn new(sink: &'a dyn ImageSink) -> Self {
        let checkpoint = Checkpoint { since: Timestamp::now().millis(), pictures: Vec::new() };
        Self { sink, state: Mutex::new(State { checkpoint, again: None }) }
    }

    /// Adds these images. Await it before the first of them is fetched.
    pub(super) async fn add(&self, images: impl Iterator<Item = PendingImage>) -> Result<(), Stop> {
        let State { checkpoint, .. } = &mut *self.state.lock().await;
        let before = checkpoint.pictures.len();
        checkpoint.pictures.extend(images.filter(|image| image.url.len() <= MAX_URL_LEN));
        if checkpoint.pictures.len() == before {
            return Ok(());
        }
        if before == 0 {
            // Calls may have taken minutes since the first was made.
            checkpoint.since = Timestamp::now().millis();
        }
        // Text and numbers always serialize.
        self.sink.checkpoint(&serde_json::to_string(checkpoint).unwrap_or_default()).await
    }

    /// `Ok` in place of a failure if the image is in the checkpoint and is tried again.
    pub(super) async fn unless_available(
        &self,
        index: u8,
        fetched: Result<(), Undelivered>,
    ) -> Result<(), ProviderError> {
        let State { checkpoint, again } = &mut *self.state.lock().await;
        let Err(image) = fetched else { return Ok(()) };
        let is_kept = checkpoint.pictures.iter().any(|pending| pending.index == index);
        match is_kept.then(|| checkpoint.again(&image, self.sink)).flatten() {
            Some(pause) => {
                *again = sooner(*again, pause);
                Ok(())
            }
            None => Err(image.failure),
        }
    }

    /// The next step after all calls have ended.
    pub(super) async fn outcome(&self, made: Result<(), ProviderError>) -> Result<Step, ProviderError> {
        next_step(made, self.state.lock().await.again)
    }
}
