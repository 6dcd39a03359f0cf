//! The operator's own Stable Diffusion server, over the API of AUTOMATIC1111's web UI, which SD.Next and
//! Forge support too.
//!
//! The server makes one image after the other, for all its users, and continues when a client has gone. So
//! one call makes all images of a job, one job runs at a time unless the operator configures more, and work
//! that no job waits for any more is interrupted, if it is certain that it is ours.

mod answer;
mod error;
mod progress;
mod request;
mod server;
mod settings;

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use domain::images::{ImageOrigin, Picture};
use domain::providers::{
    CapacityLimits, ErrorClass, Finished, GeneratedImage, ImageProvider, ImageSink, ImageTask, ProviderError,
    Reason, Step, Unsupported,
};

pub use settings::{Settings, Steps};

use crate::call::{self, Answer};
use crate::seed;
use progress::ProgressWatch;
use request::Txt2ImgRequest;
use server::Server;

/// Its name in jobs and in `order`.
pub const PROVIDER: &str = "stable_diffusion";
/// Four large images as PNG in base64.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// The part of the remaining time that is kept for an interruption.
const INTERRUPT_RESERVE: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub struct Automatic1111 {
    settings: Settings,
    server: Server,
}

impl Automatic1111 {
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        let server = Server::new(&settings).map_err(|problem| problem.to_string())?;
        Ok(Self { settings, server })
    }

    fn timeout(&self, task: &ImageTask) -> Duration {
        let left = task.time_left();
        let left = left.saturating_sub(INTERRUPT_RESERVE.min(left / 4));
        left.min(Duration::from_secs(self.settings.timeout_seconds.get().into()))
    }

    /// Sends the request, and reports progress until the answer arrives.
    async fn send(
        &self,
        request: &Txt2ImgRequest<'_>,
        timeout: Duration,
        sink: &dyn ImageSink,
    ) -> Result<Answer, ProviderError> {
        let mut watch = ProgressWatch::start(&self.server, request.rounds(), request.steps()).await;
        let post = self.server.post("/sdapi/v1/txt2img").map(|post| post.json(request));
        let answer = tokio::select! {
            answer = call::send(post, timeout, MAX_ANSWER_BYTES) => answer,
            stop = watch.follow(sink) => Err(stop.into()),
        };
        match &answer {
            Ok(_) if watch.was_interrupted() => {
                let message = "somebody interrupted the work at the server";
                Err(ProviderError::new(ErrorClass::Provider, Reason::Failed, message))
            }
            // No job waits for it any more, but the server would continue.
            Err(error) if error.reason == Reason::Timeout || error.class == ErrorClass::Internal => {
                watch.interrupt().await;
                answer
            }
            Ok(_) | Err(_) => answer,
        }
    }
}

#[async_trait]
impl ImageProvider for Automatic1111 {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    fn supports(&self, _picture: &Picture) -> Result<(), Unsupported> {
        Ok(())
    }

    fn max_paid_calls(&self, task: &ImageTask) -> u32 {
        u32::from(!task.missing.is_empty())
    }

    fn capacity_limits(&self) -> Option<CapacityLimits> {
        let images_per_minute = self.settings.per_minute.map(NonZeroU32::get);
        Some(CapacityLimits { max_concurrent: self.settings.concurrency.get(), images_per_minute })
    }

    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        let Some(&first) = task.missing.first() else { return Ok(Step::Finished(Finished::default())) };
        let count = task.missing.len();
        let request = Txt2ImgRequest::new(&self.settings, &task.picture, count, seed::of(task.job, first));
        let answer = self.send(&request, self.timeout(task), sink).await?.last_event();
        if !answer.status.is_success() {
            return Err(error::classify(&answer, &request.private()));
        }
        let body = answer::as_answer(answer.body);
        let made = answer::read(&body, count)?;
        made.info.check_model(self.settings.checkpoint.as_deref())?;
        let model = made.info.model.as_deref().or(self.settings.checkpoint.as_deref());
        for (n, &index) in task.missing.iter().enumerate() {
            let bytes = made.image(n)?;
            let origin = ImageOrigin {
                provider: PROVIDER.to_owned(),
                model: model.unwrap_or("stable-diffusion").to_owned(),
                revised_prompt: request.revised_prompt(&task.picture),
                seed: made.info.seed(n),
                cost_micros: 0,
            };
            sink.image(index, GeneratedImage { bytes, origin }).await?;
        }
        Ok(Step::Finished(Finished::default()))
    }
}

#[cfg(test)]
mod tests;
