//! Midjourney, through a proxy that the operator runs: it has no API of its own.
//!
//! A task takes longer than a function lives. So the provider submits it, writes its id to the job's row at
//! once, and ends; each later run asks for the task's state. A paid task is submitted in a step that does
//! nothing else, so that the job's row counts exactly that.
//!
//! One task draws a grid of four images, and a job's images are cut out of the grid: one paid task, whatever
//! the count, with as many pixels as Midjourney draws at first. With the setting `upscale` Midjourney
//! enlarges them instead, by one more paid task for each.

mod checkpoint;
mod failure;
mod finished;
mod json_array;
mod prompt;
mod proxy;
mod settings;
mod task;
mod upscales;

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::images::{ImageOrigin, Picture};
use domain::providers::{
    CapacityLimits, ErrorClass, Finished, ImageProvider, ImageSink, ImageTask, ProviderError, Reason, Step,
    Unsupported,
};
use egress::header::HeaderMap;
use pictures::grid;

pub use settings::{Flags, Settings, Speed};

use checkpoint::{Checkpoint, Upscales, is_over};
use proxy::Proxy;
use task::TaskState;

use crate::picture_urls::PictureUrls;

/// Its name in jobs and in `order`.
pub const PROVIDER: &str = "midjourney";
/// The part of the remaining time that is kept for saving a call's result.
const SAVE_RESERVE: Duration = Duration::from_secs(2);
/// How long a task is looked for that the proxy does not know: one that has just been started may not have read its
/// tasks yet, and another instance of it may have the task.
const LOOK_FOR: Duration = Duration::from_secs(90);
/// The next step follows without a pause: it does not wait for Midjourney.
const CONTINUE: Step = Step::Pending { poll_after: Duration::ZERO };

#[derive(Debug)]
pub struct Midjourney {
    settings: Settings,
    proxy: Proxy,
    urls: PictureUrls,
}

/// A task that was submitted to the proxy.
#[derive(Clone, Copy)]
struct Submitted<'a> {
    id: &'a str,
    /// In Unix ms. Of an upscale, when its grid was finished.
    since: i64,
    /// Of a grid: when it was first seen finished without a usable picture, in Unix ms.
    done: Option<i64>,
    /// When the proxy was first seen not to know it, in Unix ms.
    lost: Option<i64>,
}

impl Submitted<'_> {
    /// Its checkpoint, if it is a grid.
    fn to_json(self) -> String {
        let Self { id, since, done, lost } = self;
        Checkpoint::Grid { task: id.to_owned(), since, done, lost }.to_json()
    }
}

impl Midjourney {
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        let proxy = Proxy::new(settings.base_url.clone(), settings.api_secret.clone())
            .map_err(|problem| problem.to_string())?;
        // The secret is not sent: no proxy needs it there, and most images are on other hosts.
        let base = settings.base_url.at("/");
        let urls = PictureUrls::new(PROVIDER, base, HeaderMap::new(), settings.pictures_from.clone())
            .map_err(|problem| problem.to_string())?;
        Ok(Self { settings, proxy, urls })
    }

    /// The next step waits for Midjourney.
    fn poll_later(&self) -> Step {
        Step::Pending { poll_after: self.settings.speed.poll_interval() }
    }

    /// Whether the images of this picture are upscaled. All four are cut out of one grid in any case.
    fn upscales(&self, picture: &Picture) -> bool {
        self.settings.upscale && picture.count.get() < grid::IMAGES
    }

    /// The origin of an image. Each bears its share of the grid's price, the first also the remainder; an
    /// upscaled one bears its own task's price too.
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

    /// Submits the grid: the one step that is paid for.
    async fn submit(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        let prompt = prompt::prompt(&task.picture, &self.settings)
            .ok_or_else(|| ProviderError::new(ErrorClass::Caller, Reason::InvalidRequest, unable().reason))?;
        // A worker that crashes from here on may have paid. In a first attempt the row shows that anyway: the
        // attempt was started, and has no checkpoint.
        if task.handle.is_some() {
            sink.checkpoint(&Checkpoint::Asked.to_json()).await?;
        }
        let id = self.proxy.imagine(&prompt, &task.job.to_string(), call_timeout(task)).await?;
        sink.checkpoint(&Checkpoint::grid(id).to_json()).await?;
        Ok(self.poll_later())
    }

    /// Looks for a task that an earlier worker submitted, before another one is paid for.
    async fn recover(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        let job = task.job.to_string();
        let mut tasks = self.proxy.grids(&job, call_timeout(task)).await?;
        tasks.sort_by_key(|found| std::cmp::Reverse(found.submit_time));
        // A finished grid whose picture cannot be had now. It is looked at again, and no other one is paid for.
        let mut undelivered = None;
        let mut missing = task.missing.clone();
        for found in &tasks {
            // A task without a submit time may be new, and is awaited as if it were.
            let since = found.submit_time.unwrap_or_else(|| Timestamp::now().millis());
            match found.task_state(&self.sent_prompt(task)) {
                TaskState::Done(_) if self.upscales(&task.picture) => {
                    sink.checkpoint(&Checkpoint::upscales(found.id.clone()).to_json()).await?;
                    return Ok(CONTINUE);
                }
                TaskState::Done(pictures) => match self.deliver(task, &mut missing, &pictures, sink).await? {
                    None => return Ok(Step::Finished(Finished::default())),
                    Some(image) => {
                        undelivered.get_or_insert((found, since, image));
                    }
                },
                TaskState::Running(_) if self.is_over(since) => {}
                TaskState::Running(_) => {
                    let running = Submitted { id: &found.id, since, done: None, lost: None };
                    sink.checkpoint(&running.to_json()).await?;
                    return Ok(self.poll_later());
                }
                TaskState::Unknown | TaskState::Failed(_) => {}
            }
        }
        if let Some((found, since, image)) = undelivered {
            let grid = Submitted { id: &found.id, since, done: None, lost: None };
            return self.look_again(image, grid, sink).await;
        }
        sink.checkpoint(&Checkpoint::Clear.to_json()).await?;
        Ok(CONTINUE)
    }

    fn sent_prompt(&self, task: &ImageTask) -> String {
        prompt::prompt(&task.picture, &self.settings).unwrap_or_default()
    }

    /// Whether a task that was submitted at `since` (Unix ms) has reached its timeout.
    fn is_over(&self, since: i64) -> bool {
        is_over(since, self.settings.timeout())
    }

    /// The state of a submitted task. `None` if the proxy did not answer before the task's timeout: the task
    /// is paid for, so it is asked about again.
    async fn task_state(
        &self,
        task: &ImageTask,
        submitted: Submitted<'_>,
    ) -> Result<Option<TaskState>, ProviderError> {
        let found = match self.proxy.task(submitted.id, call_timeout(task)).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Some(TaskState::Unknown)),
            Err(error) if !self.is_over(submitted.since) => {
                if error.class == ErrorClass::Operator {
                    // Nothing else alarms the operator: the worker only gets a pending step.
                    tracing::error!(
                        provider = PROVIDER,
                        alarm = "provider_account",
                        problem = error.message,
                        "the operator must see to a provider that has work under way"
                    );
                }
                return Ok(None);
            }
            Err(error) => return Err(error.possibly_paid()),
        };
        let state = found.task_state(&self.sent_prompt(task));
        if matches!(state, TaskState::Running(_)) && self.is_over(submitted.since) {
            let message = "Midjourney did not get done in time";
            return Err(ProviderError::new(ErrorClass::Provider, Reason::Timeout, message).possibly_paid());
        }
        Ok(Some(state))
    }

    /// Asks for the grid, and cuts the images out of it when it is finished.
    async fn poll_grid(
        &self,
        task: &ImageTask,
        grid: Submitted<'_>,
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        match self.task_state(task, grid).await? {
            None => Ok(self.poll_later()),
            Some(TaskState::Unknown) => {
                let seen = |now| Submitted { lost: Some(now), ..grid }.to_json();
                self.look_for(grid.lost, seen, sink).await
            }
            Some(TaskState::Running(percent)) => {
                if grid.lost.is_some() {
                    sink.checkpoint(&Submitted { lost: None, ..grid }.to_json()).await?;
                }
                if let Some(percent) = percent {
                    sink.progress(percent).await?;
                }
                Ok(self.poll_later())
            }
            Some(TaskState::Failed(error)) => Err(error),
            Some(TaskState::Done(_)) if self.upscales(&task.picture) => {
                sink.checkpoint(&Checkpoint::upscales(grid.id.to_owned()).to_json()).await?;
                Ok(CONTINUE)
            }
            Some(TaskState::Done(pictures)) => {
                match self.deliver(task, &mut task.missing.clone(), &pictures, sink).await? {
                    None => Ok(Step::Finished(Finished::default())),
                    Some(image) => self.look_again(image, grid, sink).await,
                }
            }
        }
    }

    /// The next look at a task that the proxy does not know since `lost`, or the failure if there was time enough
    /// for it. `seen` is the checkpoint with that time.
    async fn look_for(
        &self,
        lost: Option<i64>,
        seen: impl FnOnce(i64) -> String + Send,
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        match lost {
            Some(lost) if is_over(lost, LOOK_FOR) => {
                let message = "the proxy has lost the task";
                Err(ProviderError::new(ErrorClass::Provider, Reason::BadResponse, message).possibly_paid())
            }
            Some(_) => Ok(self.poll_later()),
            None => {
                sink.checkpoint(&seen(Timestamp::now().millis())).await?;
                Ok(self.poll_later())
            }
        }
    }
}

/// The longest time for a call that leaves the worker the time to save its result.
fn call_timeout(task: &ImageTask) -> Duration {
    task.time_left().saturating_sub(SAVE_RESERVE)
}

fn unable() -> Unsupported {
    Unsupported::because("nothing is left of the prompt without Midjourney's flags and addresses")
}

#[async_trait]
impl ImageProvider for Midjourney {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    fn supports(&self, picture: &Picture) -> Result<(), Unsupported> {
        prompt::prompt(picture, &self.settings).map(|_| ()).ok_or_else(unable)
    }

    fn max_paid_calls(&self, task: &ImageTask) -> u32 {
        match Checkpoint::of(task) {
            Checkpoint::Unknown | Checkpoint::Asked | Checkpoint::Grid { .. } => 0,
            Checkpoint::Clear => 1,
            Checkpoint::Upscales(Upscales { tasks, .. }) => {
                task.missing.iter().filter(|index| !tasks.contains_key(index)).count() as u32
            }
        }
    }

    fn capacity_limits(&self) -> Option<CapacityLimits> {
        let images_per_minute = self.settings.per_minute.map(NonZeroU32::get);
        Some(CapacityLimits { max_concurrent: self.settings.concurrency.get(), images_per_minute })
    }

    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        match Checkpoint::of(task) {
            Checkpoint::Unknown | Checkpoint::Asked => self.recover(task, sink).await,
            Checkpoint::Clear => self.submit(task, sink).await,
            Checkpoint::Grid { task: id, since, done, lost } => {
                self.poll_grid(task, Submitted { id: &id, since, done, lost }, sink).await
            }
            Checkpoint::Upscales(upscales) => self.poll_upscales(task, upscales, sink).await,
        }
    }
}

#[cfg(test)]
mod tests;
