//! The upscales of a grid: one paid task for each image.

use std::collections::BTreeMap;

use domain::providers::{
    ErrorClass, Finished, GeneratedImage, ImageSink, ImageTask, ProviderError, Reason, Step,
};

use super::checkpoint::Checkpoint;
use super::proxy::GridImage;
use super::task::TaskState;
use super::{Midjourney, Submitted, call_timeout};

/// The upscales of a grid.
pub(super) struct Upscales {
    /// The grid's task.
    pub(super) grid: String,
    /// The task of each submitted image, by its index.
    pub(super) tasks: BTreeMap<u8, String>,
    /// When the grid was finished, in Unix ms.
    pub(super) since: i64,
    /// When the proxy was first seen not to know one of them, in Unix ms.
    pub(super) lost: Option<i64>,
}

impl Midjourney {
    /// Submits the images that are not submitted yet, or else delivers those that are finished.
    pub(super) async fn poll_upscales(
        &self,
        task: &ImageTask,
        upscales: Upscales,
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        let Upscales { grid, mut tasks, since, lost } = upscales;
        let new: Vec<u8> = task.missing.iter().copied().filter(|index| !tasks.contains_key(index)).collect();
        for &index in &new {
            let image = GridImage { grid: &grid, index };
            match self.proxy.upscale(image, &task.job.to_string(), call_timeout(task)).await {
                Ok(id) => {
                    tasks.insert(index, id);
                    let (grid, tasks) = (grid.clone(), tasks.clone());
                    let checkpoint = Checkpoint::Upscales { grid, tasks, since, lost: None };
                    sink.checkpoint(&checkpoint.to_json()).await?;
                }
                // A repeated submission returns the task that the proxy already has.
                Err(error) => return self.retry_upscale(error, since),
            }
        }
        if !new.is_empty() {
            return Ok(self.poll_later());
        }
        let mut remaining = task.missing.len();
        for &index in &task.missing {
            let Some(id) = tasks.get(&index) else { continue };
            match self.task_state(task, Submitted { id, since, done: None, lost: None }).await? {
                None | Some(TaskState::Running(_)) => {}
                Some(TaskState::Unknown) => {
                    let seen = |now| Checkpoint::Upscales { grid, tasks, since, lost: Some(now) }.to_json();
                    return self.look_for(lost, seen, sink).await;
                }
                Some(TaskState::Failed(error)) => return Err(error),
                Some(TaskState::Done(pictures)) => {
                    let bytes = match self.upscaled(task, &pictures).await {
                        Ok(bytes) => bytes,
                        Err(image) => return self.look_at_upscale_again(image, since, sink),
                    };
                    let origin = self.origin(&task.picture, index == 0);
                    sink.image(index, GeneratedImage { bytes, origin }).await?;
                    remaining -= 1;
                }
            }
        }
        if remaining == 0 {
            return Ok(Step::Finished(Finished::default()));
        }
        if lost.is_some() {
            sink.checkpoint(&Checkpoint::Upscales { grid, tasks, since, lost: None }.to_json()).await?;
        }
        Ok(self.poll_later())
    }

    /// The grid is paid for: an upscale is submitted again while the proxy is full or does not answer.
    fn retry_upscale(&self, error: ProviderError, since: i64) -> Result<Step, ProviderError> {
        let no_answer = matches!(error.reason, Reason::Timeout | Reason::NoAnswer);
        let transient = error.possibly_paid || error.class == ErrorClass::Capacity || no_answer;
        if transient && !self.is_over(since) { Ok(self.poll_later()) } else { Err(error) }
    }
}
