//! The upscales of a grid: one paid task for each image.

use domain::providers::{ErrorClass, Finished, ImageSink, ImageTask, ProviderError, Reason, Step};

use super::checkpoint::{Checkpoint, Upscales};
use super::proxy::GridImage;
use super::task::TaskState;
use super::{Midjourney, Submitted, call_timeout};

impl Midjourney {
    /// Submits the images that are not submitted yet, or else delivers those that are finished.
    pub(super) async fn poll_upscales(
        &self,
        task: &ImageTask,
        mut known: Upscales,
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        let since = known.since;
        let keep =
            |known: &Upscales, lost| Checkpoint::Upscales(Upscales { lost, ..known.clone() }).to_json();
        let new: Vec<u8> =
            task.missing.iter().copied().filter(|index| !known.tasks.contains_key(index)).collect();
        for &index in &new {
            let image = GridImage { grid: &known.grid, index };
            match self.proxy.upscale(image, &task.job.to_string(), call_timeout(task)).await {
                Ok(id) => {
                    known.tasks.insert(index, id);
                    sink.checkpoint(&keep(&known, None)).await?;
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
            let Some(id) = known.tasks.get(&index) else { continue };
            match self.task_state(task, Submitted { id, since, done: None, lost: None }).await? {
                None | Some(TaskState::Running(_)) => {}
                Some(TaskState::Unknown) => {
                    return self.look_for(known.lost, |now| keep(&known, Some(now)), sink).await;
                }
                Some(TaskState::Failed(error)) => return Err(error),
                Some(TaskState::Done(pictures)) => {
                    let bytes = match self.upscaled(task, &pictures).await {
                        Ok(bytes) => bytes,
                        Err(image) => return self.look_at_upscale_again(image, since, sink),
                    };
                    self.store(task, index, bytes, sink).await?;
                    remaining -= 1;
                }
            }
        }
        if remaining == 0 {
            return Ok(Step::Finished(Finished::default()));
        }
        if known.lost.is_some() {
            sink.checkpoint(&keep(&known, None)).await?;
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
