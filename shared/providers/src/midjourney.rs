//! Midjourney, through a proxy that the operator runs. It has no API of its own.
//!
//! Its work takes longer than a function lives. So a task is submitted and its id noted at once; then the
//! worker is sent away, and whoever comes next asks how the task stands. What may be paid for is
//! submitted in a step that does nothing else, so that the job's row counts exactly that.
//!
//! One of its tasks draws a grid of four pictures. A job's images are cut out of the grid: one paid task,
//! whatever the count, and as many pixels as Midjourney makes at first. The setting `upscale` has them
//! enlarged by Midjourney instead, by one more paid task for each.

mod failure;
mod handle;
mod list;
mod prompt;
mod proxy;
mod settings;
mod task;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::Timestamp;
use domain::images::{ImageOrigin, Picture};
use domain::providers::{
    Bounds, FaultOf, Finished, GeneratedImage, ImageProvider, ImageSink, ImageTask, ProviderError, Reason,
    Step, Unable,
};
use egress::header::HeaderMap;
use egress::{DownloadLimits, Downloader, EgressError, TrustedOrigin};
use pictures::decode::MAX_IMAGE_BYTES;
use pictures::error::ImageError;
use pictures::grid::{self, quarters};
use url::Url;

pub use settings::{Flags, Settings, Speed};

use handle::{Handle, is_over};
use proxy::Proxy;
use task::Standing;

/// Its name on the wire.
pub const PROVIDER: &str = "midjourney";
/// How long a picture may take to come.
const DOWNLOAD: Duration = Duration::from_secs(60);
/// What is kept of the time for saying when to ask again.
const TIME_TO_ANSWER: Duration = Duration::from_secs(2);
/// The pause before a step that does not wait for Midjourney.
const AT_ONCE: Step = Step::AskAgain { after: Duration::ZERO };

/// The provider.
#[derive(Debug)]
pub struct Midjourney {
    settings: Settings,
    proxy: Proxy,
    downloader: Downloader,
}

impl Midjourney {
    /// The provider that these settings describe.
    ///
    /// # Errors
    ///
    /// If they describe none: what is wrong with them.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        let proxy = Proxy::new(settings.base_url.clone(), settings.api_secret.clone())
            .map_err(|problem| problem.to_string())?;
        let downloader = Downloader::new().map_err(|problem| problem.to_string())?;
        Ok(Self { settings, proxy, downloader })
    }

    fn later(&self) -> Step {
        Step::AskAgain { after: self.settings.speed.pause() }
    }

    /// Whether the images of this picture are enlarged. All four come out of one grid in any case.
    fn upscales(&self, picture: &Picture) -> bool {
        self.settings.upscale && picture.count.get() < grid::IMAGES
    }

    /// Where the images come from that one task each has made, beside the grid that all of them share.
    fn origin(&self, picture: &Picture, first: bool) -> ImageOrigin {
        let (price, count) = (self.settings.price_micros(), u64::from(picture.count.get()));
        let share = price / count + if first { price % count } else { 0 };
        let own = if self.upscales(picture) { price } else { 0 };
        ImageOrigin {
            provider: PROVIDER.to_owned(),
            model: self.settings.model(),
            revised_prompt: prompt::prompt(picture, &self.settings),
            seed: None,
            cost_micros: share + own,
        }
    }

    /// Has the grid drawn: the one step that is paid for.
    async fn submit(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        let prompt = prompt::prompt(&task.picture, &self.settings)
            .ok_or_else(|| ProviderError::new(FaultOf::Caller, Reason::InvalidRequest, unable().reason))?;
        // Who dies from here on may have paid. Of a first try the row says so anyway: it was begun, and has
        // no note.
        if task.handle.is_some() {
            sink.note(&Handle::Asked.note()).await?;
        }
        let id = self.proxy.imagine(&prompt, &task.job.to_string(), left(task)).await?;
        sink.note(&Handle::grid(id).note()).await?;
        Ok(self.later())
    }

    /// Looks for what an earlier worker has submitted, or waited for in vain, before anything is paid
    /// for again.
    async fn look(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        let job = task.job.to_string();
        let mut tasks = self.proxy.grids(&job, left(task)).await?;
        tasks.sort_by_key(|found| std::cmp::Reverse(found.submit_time));
        for found in &tasks {
            match found.standing(&self.sent(task)) {
                Standing::Done(_) if self.upscales(&task.picture) => {
                    sink.note(&Handle::upscales(found.id.clone()).note()).await?;
                    return Ok(AT_ONCE);
                }
                // A picture that cannot be had any more does not stand in the way of a new one.
                Standing::Done(url) => match self.quarters(task, &url).await {
                    Ok(images) => return self.hand_over(task, images, sink).await,
                    // A new one would be as large.
                    Err(error) if error.fault == FaultOf::Caller => return Err(error),
                    Err(_) => continue,
                },
                Standing::UnderWay(_) => {
                    // One that does not say since when is waited for as if it were new: it may be.
                    let since = found.submit_time.unwrap_or_else(|| Timestamp::now().millis());
                    if self.is_over(since) {
                        continue;
                    }
                    sink.note(&Handle::Grid { task: found.id.clone(), since }.note()).await?;
                    return Ok(self.later());
                }
                Standing::Failed(_) => continue,
            }
        }
        sink.note(&Handle::Clear.note()).await?;
        Ok(AT_ONCE)
    }

    /// What the proxy was told to draw.
    fn sent(&self, task: &ImageTask) -> String {
        prompt::prompt(&task.picture, &self.settings).unwrap_or_default()
    }

    fn is_over(&self, since: i64) -> bool {
        is_over(since, self.settings.limit())
    }

    /// How the task stands. While it may still be done, a proxy that does not answer is no reason to
    /// forget it: it is paid for.
    async fn standing(
        &self,
        task: &ImageTask,
        (id, since): (&str, i64),
    ) -> Result<Option<Standing>, ProviderError> {
        let found = match self.proxy.task(id, left(task)).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                let message = "the proxy has lost the task";
                return Err(ProviderError::new(FaultOf::Provider, Reason::BadResponse, message).maybe_paid());
            }
            Err(error) if !self.is_over(since) => {
                if error.fault == FaultOf::Operator {
                    // Nobody else tells the operator: the worker only hears that it is to ask again.
                    tracing::error!(
                        provider = PROVIDER,
                        alarm = "provider_account",
                        problem = error.message,
                        "the operator must see to a provider that has work under way"
                    );
                }
                return Ok(None);
            }
            Err(error) => return Err(error.maybe_paid()),
        };
        let standing = found.standing(&self.sent(task));
        if matches!(standing, Standing::UnderWay(_)) && self.is_over(since) {
            let message = "Midjourney did not get done in time";
            return Err(ProviderError::new(FaultOf::Provider, Reason::Timeout, message).maybe_paid());
        }
        Ok(Some(standing))
    }

    /// Asks for the grid, and takes it apart when it is there.
    async fn grid(
        &self,
        task: &ImageTask,
        (id, since): (&str, i64),
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        match self.standing(task, (id, since)).await? {
            None => Ok(self.later()),
            Some(Standing::UnderWay(percent)) => {
                if let Some(percent) = percent {
                    sink.progress(percent).await?;
                }
                Ok(self.later())
            }
            Some(Standing::Failed(error)) => Err(error),
            Some(Standing::Done(_)) if self.upscales(&task.picture) => {
                sink.note(&Handle::upscales(id.to_owned()).note()).await?;
                Ok(AT_ONCE)
            }
            Some(Standing::Done(url)) => match self.quarters(task, &url).await {
                Ok(images) => self.hand_over(task, images, sink).await,
                Err(error) => self.unless_over(error, since),
            },
        }
    }

    /// A picture that did not come may come the next time, unless it is gone or none.
    fn unless_over(&self, error: ProviderError, since: i64) -> Result<Step, ProviderError> {
        if error.reason == Reason::BadResponse || self.is_over(since) { Err(error) } else { Ok(self.later()) }
    }

    async fn quarters(&self, task: &ImageTask, url: &Url) -> Result<Vec<Bytes>, ProviderError> {
        let bytes = self.download(task, url).await?;
        quarters(bytes, task.missing.clone(), task.picture.size.pixels()).await.map_err(|problem| {
            let fault = match problem {
                // Another one would be paid for, and be as large.
                ImageError::TooLarge => FaultOf::Caller,
                ImageError::UnsupportedFormat | ImageError::Corrupt(_) => FaultOf::Provider,
            };
            ProviderError::new(fault, Reason::BadResponse, problem.to_string()).maybe_paid()
        })
    }

    async fn hand_over(
        &self,
        task: &ImageTask,
        images: Vec<Bytes>,
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        for (&index, bytes) in task.missing.iter().zip(images) {
            let origin = self.origin(&task.picture, index == 0);
            sink.image(index, GeneratedImage { bytes, origin }).await?;
        }
        Ok(Step::Finished(Finished::default()))
    }

    /// Links lapse within a day, so that a picture is fetched the moment it is known. The secret does
    /// not go along: no proxy asks for it there, and most pictures lie elsewhere.
    async fn download(&self, task: &ImageTask, url: &Url) -> Result<Bytes, ProviderError> {
        let timeout = DOWNLOAD.min(left(task));
        let base = self.proxy.base().at("/");
        let base = TrustedOrigin { url: &base, headers: &HeaderMap::new() };
        let limits = DownloadLimits { max_bytes: MAX_IMAGE_BYTES, timeout };
        self.downloader.get(url, limits, Some(base)).await.map_err(|problem| {
            let reason = match problem {
                EgressError::ResponseTimeout | EgressError::ConnectTimeout => Reason::Timeout,
                EgressError::ConnectFailed | EgressError::ConnectionLost | EgressError::Status(500..) => {
                    Reason::NoAnswer
                }
                EgressError::PolicyViolation(_)
                | EgressError::BodyTooLarge(_)
                | EgressError::InvalidJson
                | EgressError::Status(_)
                | EgressError::BadRedirect
                | EgressError::RequestNotBuilt => Reason::BadResponse,
            };
            let fault = match problem {
                // As of one with too many pixels.
                EgressError::BodyTooLarge(_) => FaultOf::Caller,
                EgressError::ResponseTimeout
                | EgressError::ConnectTimeout
                | EgressError::ConnectFailed
                | EgressError::ConnectionLost
                | EgressError::PolicyViolation(_)
                | EgressError::InvalidJson
                | EgressError::Status(_)
                | EgressError::BadRedirect
                | EgressError::RequestNotBuilt => FaultOf::Provider,
            };
            let message = format!("the picture could not be fetched: {problem}");
            ProviderError::new(fault, reason, message).maybe_paid()
        })
    }

    /// Has those pictures enlarged that were not submitted yet, and hands over those that are there.
    async fn enlarged(
        &self,
        task: &ImageTask,
        (grid, mut tasks, since): (String, BTreeMap<u8, String>, i64),
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        let open: Vec<u8> = task.missing.iter().copied().filter(|index| !tasks.contains_key(index)).collect();
        for &index in &open {
            match self.proxy.upscale((&grid, index), &task.job.to_string(), left(task)).await {
                Ok(id) => {
                    tasks.insert(index, id);
                    let handle = Handle::Upscales { grid: grid.clone(), tasks: tasks.clone(), since };
                    sink.note(&handle.note()).await?;
                }
                // The proxy knows what it has taken, and says so when it is told again.
                Err(error) => return self.unless_lost(error, since),
            }
        }
        if !open.is_empty() {
            return Ok(self.later());
        }
        let mut left = task.missing.len();
        for &index in &task.missing {
            let Some(id) = tasks.get(&index) else { continue };
            match self.standing(task, (id, since)).await? {
                None | Some(Standing::UnderWay(_)) => {}
                Some(Standing::Failed(error)) => return Err(error),
                Some(Standing::Done(url)) => {
                    let bytes = match self.download(task, &url).await {
                        Ok(bytes) => bytes,
                        Err(error) => return self.unless_over(error, since),
                    };
                    let origin = self.origin(&task.picture, index == 0);
                    sink.image(index, GeneratedImage { bytes, origin }).await?;
                    left -= 1;
                }
            }
        }
        Ok(if left == 0 { Step::Finished(Finished::default()) } else { self.later() })
    }

    /// The grid stays paid for while a proxy has no room or does not answer.
    fn unless_lost(&self, error: ProviderError, since: i64) -> Result<Step, ProviderError> {
        let no_answer = matches!(error.reason, Reason::Timeout | Reason::NoAnswer);
        let passing = error.maybe_paid || error.fault == FaultOf::Capacity || no_answer;
        if passing && !self.is_over(since) { Ok(self.later()) } else { Err(error) }
    }
}

/// How long a call may take, for the worker to have the time to write down what came of it.
fn left(task: &ImageTask) -> Duration {
    task.time_left().saturating_sub(TIME_TO_ANSWER)
}

fn unable() -> Unable {
    Unable::because("nothing is left of the prompt without Midjourney's flags and addresses")
}

#[async_trait]
impl ImageProvider for Midjourney {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    fn fits(&self, picture: &Picture) -> Result<(), Unable> {
        prompt::prompt(picture, &self.settings).map(|_| ()).ok_or_else(unable)
    }

    fn calls(&self, task: &ImageTask) -> u32 {
        match Handle::of(task) {
            Handle::Unknown | Handle::Asked | Handle::Grid { .. } => 0,
            Handle::Clear => 1,
            Handle::Upscales { tasks, .. } => {
                task.missing.iter().filter(|index| !tasks.contains_key(index)).count() as u32
            }
        }
    }

    fn bounds(&self) -> Option<Bounds> {
        let per_minute = self.settings.per_minute.map(NonZeroU32::get);
        Some(Bounds { at_once: self.settings.concurrency.get(), per_minute })
    }

    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        match Handle::of(task) {
            Handle::Unknown | Handle::Asked => self.look(task, sink).await,
            Handle::Clear => self.submit(task, sink).await,
            Handle::Grid { task: id, since } => self.grid(task, (&id, since), sink).await,
            Handle::Upscales { grid, tasks, since } => self.enlarged(task, (grid, tasks, since), sink).await,
        }
    }
}

#[cfg(test)]
mod tests;
