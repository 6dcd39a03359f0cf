//! Pictures that lie behind URLs: made and paid for, and not fetched yet.
//!
//! Their URLs are noted in the job's row before the first of them is fetched. So a download that fails
//! in passing, or a worker that dies, costs another look and not another picture.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::Timestamp;
use domain::image::ImageOrigin;
use domain::ports::{ImageSink, Stop};
use domain::provider::{FaultOf, Finished, ImageTask, ProviderError, Reason, Step};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::call::unless_failed;

/// How long OpenAI keeps a picture behind its URL (API reference, `images/generate`: 60 minutes).
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);
/// How soon a download is tried again.
const FETCH_AGAIN: Duration = Duration::from_secs(5);
/// A longer URL is fetched, but not noted: a row holds 400 KB, and some services put the picture itself
/// into the URL.
const LONGEST_URL: usize = 4096;

/// What is known of a picture that is to be fetched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Picture {
    pub(super) index: u8,
    pub(super) url: String,
    pub(super) origin: ImageOrigin,
}

/// What a job's row says: every picture that was given as a URL in this try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Noted {
    /// When the first was made, in milliseconds of the epoch.
    since: i64,
    pub(super) pictures: Vec<Picture>,
}

impl Noted {
    /// What was noted of the task. What cannot be read was noted by nobody we know.
    pub(super) fn of(task: &ImageTask) -> Option<Self> {
        serde_json::from_str(task.handle.as_deref()?).ok()
    }

    /// Whether a picture that failed by this is still behind its URL, for all we know.
    fn remains(&self, failure: &ProviderError) -> bool {
        let passing =
            failure.fault == FaultOf::Ours || matches!(failure.reason, Reason::Timeout | Reason::NoAnswer);
        passing && Timestamp::now().since(Timestamp::from_millis(self.since)) <= KEPT_FOR
    }

    /// What comes next, by how it went with each of these pictures.
    pub(super) fn outcome(&self, fetched: Vec<Result<(), ProviderError>>) -> Result<Step, ProviderError> {
        let (remain, over): (Vec<_>, Vec<_>) =
            fetched.into_iter().partition(|one| one.as_ref().is_err_and(|failure| self.remains(failure)));
        next(unless_failed(over.into_iter().filter_map(Result::err)), !remain.is_empty())
    }
}

/// What comes next: pictures that remain where they are come before any failure but a refusal, for what
/// failed beside them can be made again, and they are paid for.
fn next(made: Result<(), ProviderError>, remain: bool) -> Result<Step, ProviderError> {
    match made {
        Err(refused) if refused.fault == FaultOf::Caller => Err(refused),
        Ok(()) | Err(_) if remain => Ok(Step::AskAgain { after: FETCH_AGAIN }),
        made => made.map(|()| Step::Finished(Finished::default())),
    }
}

/// Takes note for all calls that are made at the same time: a note replaces the one before it.
pub(super) struct Notes<'a> {
    sink: &'a dyn ImageSink,
    noted: Mutex<Noted>,
    remain: AtomicBool,
}

impl<'a> Notes<'a> {
    pub(super) fn new(sink: &'a dyn ImageSink) -> Self {
        let noted = Noted { since: Timestamp::now().millis(), pictures: Vec::new() };
        Self { sink, noted: Mutex::new(noted), remain: AtomicBool::new(false) }
    }

    /// Notes these pictures too. To be awaited before the first of them is fetched.
    pub(super) async fn add(&self, pictures: impl Iterator<Item = Picture>) -> Result<(), Stop> {
        let mut noted = self.noted.lock().await;
        let before = noted.pictures.len();
        noted.pictures.extend(pictures.filter(|picture| picture.url.len() <= LONGEST_URL));
        if noted.pictures.len() == before {
            return Ok(());
        }
        // Nothing in it can fail: text and numbers.
        self.sink.note(&serde_json::to_string(&*noted).unwrap_or_default()).await
    }

    /// How it went with a picture: well, too, if it is noted and remains where it is.
    pub(super) async fn unless_it_remains(
        &self,
        (index, fetched): (u8, Result<(), ProviderError>),
    ) -> Result<(), ProviderError> {
        let noted = self.noted.lock().await;
        match fetched {
            Err(failure)
                if noted.pictures.iter().any(|picture| picture.index == index) && noted.remains(&failure) =>
            {
                self.remain.store(true, Ordering::Relaxed);
                Ok(())
            }
            fetched => fetched,
        }
    }

    /// What comes next, by how all calls have ended.
    pub(super) fn outcome(&self, made: Result<(), ProviderError>) -> Result<Step, ProviderError> {
        next(made, self.remain.load(Ordering::Relaxed))
    }
}
