//! Stability's v2beta: Stable Image Core and Ultra.
//!
//! A call makes one image, so a job's images are as many calls, some at the same time. Stability promises a
//! ratio, not a size; the worker crops and resamples. The result of a call that timed out cannot be queried:
//! it may have been paid for.

mod answer;
mod error;
mod form;

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use domain::images::{ImageOrigin, Picture, Quality};
use domain::primitives::Secret;
use domain::providers::{
    CapacityLimits, Finished, GeneratedImage, ImageProvider, ImageSink, ImageTask, ProviderError, Step,
    Unsupported,
};
use egress::header::ACCEPT;
use egress::{Client, EgressPolicy, Timeouts};
use serde::Deserialize;

pub use form::Model;

use crate::call::{self, BaseUrl};
use crate::seed;

/// Its name in jobs and in `order`.
pub const PROVIDER: &str = "stability";
const DEFAULT_BASE_URL: &str = "https://api.stability.ai";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Several times 1.5 million pixels as PNG in base64.
const MAX_ANSWER_BYTES: usize = 24 * 1024 * 1024;

/// The section `stability` of the providers document.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub api_key: Secret,
    pub base_url: Option<BaseUrl>,
    #[serde(default)]
    pub models: Models,
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: NonZeroU32,
    /// Jobs at the same time, and calls of each job at the same time.
    #[serde(default = "concurrency")]
    pub concurrency: NonZeroU32,
    /// Images per minute. Stability allows 150 requests in 10 s, and locks out an account that sends more for
    /// a minute.
    pub per_minute: Option<NonZeroU32>,
}

/// The model for each quality.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default)]
pub struct Models {
    pub standard: Model,
    pub hd: Model,
}

impl Default for Models {
    fn default() -> Self {
        Self { standard: Model::Core, hd: Model::Ultra }
    }
}

const fn timeout_seconds() -> NonZeroU32 {
    match NonZeroU32::new(120) {
        Some(seconds) => seconds,
        None => NonZeroU32::MIN,
    }
}

const fn concurrency() -> NonZeroU32 {
    match NonZeroU32::new(10) {
        Some(calls) => calls,
        None => NonZeroU32::MIN,
    }
}

#[derive(Debug)]
pub struct Stability {
    settings: Settings,
    base: BaseUrl,
    http: Client,
}

impl Stability {
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub fn new(settings: Settings) -> Result<Self, String> {
        if settings.api_key.expose().is_empty() {
            return Err("apiKey is empty".to_owned());
        }
        let base = match &settings.base_url {
            Some(base) => base.clone(),
            None => BaseUrl::try_from(DEFAULT_BASE_URL.to_owned())?,
        };
        let total = Duration::from_secs(settings.timeout_seconds.get().into());
        let http = Client::new(EgressPolicy::Trusted, Timeouts { connect: CONNECT_TIMEOUT, total })
            .map_err(|problem| problem.to_string())?;
        Ok(Self { settings, base, http })
    }

    const fn model(&self, quality: Quality) -> Model {
        match quality {
            Quality::Standard => self.settings.models.standard,
            Quality::Hd => self.settings.models.hd,
        }
    }

    async fn image(&self, task: &ImageTask, index: u8, sink: &dyn ImageSink) -> Result<(), ProviderError> {
        let model = self.model(task.picture.quality);
        let seed = seed::of(task.job, index);
        let url = self.base.at(model.path());
        let request = self.http.post(&url).map(|request| {
            request
                .bearer_auth(self.settings.api_key.expose())
                .header(ACCEPT, "application/json")
                .header("stability-client-id", "semantest")
                .header("stability-client-user-id", &task.user)
                .multipart(form::form(&task.picture, seed))
        });
        let timeout = Duration::from_secs(self.settings.timeout_seconds.get().into()).min(task.time_left());
        let answer = call::send(request, timeout, MAX_ANSWER_BYTES).await?;
        if !answer.status.is_success() {
            return Err(error::classify(&answer, &[task.picture.prompt.as_str()]));
        }
        let answer = answer.last_event();
        let made = answer::read(&answer)?;
        // The answer holds the image a second time.
        drop(answer);
        let origin = ImageOrigin {
            provider: PROVIDER.to_owned(),
            model: model.id().to_owned(),
            revised_prompt: None,
            seed: made.seed.or(Some(seed)),
            cost_micros: model.image_micros(),
        };
        sink.image(index, GeneratedImage { bytes: made.bytes, origin }).await?;
        Ok(())
    }
}

#[async_trait]
impl ImageProvider for Stability {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    fn supports(&self, picture: &Picture) -> Result<(), Unsupported> {
        form::supports(picture)
    }

    fn max_paid_calls(&self, task: &ImageTask) -> u32 {
        task.missing.len() as u32
    }

    fn capacity_limits(&self) -> Option<CapacityLimits> {
        let images_per_minute = self.settings.per_minute.map(NonZeroU32::get);
        Some(CapacityLimits { max_concurrent: self.settings.concurrency.get(), images_per_minute })
    }

    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        let mut calls = Vec::new();
        for &index in &task.missing {
            calls.push(self.image(task, index, sink));
        }
        let outcomes = call::run_concurrently(calls, self.settings.concurrency.get()).await;
        call::fail_if_any(outcomes.into_iter().filter_map(Result::err))?;
        Ok(Step::Finished(Finished::default()))
    }
}

#[cfg(test)]
mod tests;
