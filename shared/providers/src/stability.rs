//! Stability's v2beta: Stable Image Core and Ultra.
//!
//! It makes one image a call, so a job's images are as many calls, side by side. It promises a
//! ratio, not a size; the worker crops and resamples. A call that it has not answered in time cannot
//! be asked after: it may have been paid for.

mod answer;
mod form;
mod refusal;

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use domain::images::{ImageOrigin, Picture, Quality};
use domain::primitives::Secret;
use domain::providers::{
    Bounds, Finished, GeneratedImage, ImageProvider, ImageSink, ImageTask, ProviderError, Step, Unable,
};
use egress::header::ACCEPT;
use egress::{Client, EgressPolicy, Timeouts};
use serde::Deserialize;

pub use form::Model;

use crate::call::{self, BaseUrl};
use crate::seed;

/// Its name on the wire.
pub const PROVIDER: &str = "stability";
const BASE_URL: &str = "https://api.stability.ai";
const CONNECT: Duration = Duration::from_secs(5);
/// Some 1.5 million pixels, as PNG and then as base64, several times over.
const LARGEST_ANSWER: usize = 24 * 1024 * 1024;

/// What the providers document says of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The key.
    pub api_key: Secret,
    /// Where the API is, if not at Stability's own address.
    pub base_url: Option<BaseUrl>,
    /// Which model makes which quality.
    #[serde(default)]
    pub models: Models,
    /// How long a call may take.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: NonZeroU32,
    /// Jobs at the same time, and of each of them as many calls at the same time; it makes one for each
    /// of its images.
    #[serde(default = "concurrency")]
    pub concurrency: NonZeroU32,
    /// Images a minute. Stability counts 150 requests in 10 s, and locks out for a minute who asks more.
    pub per_minute: Option<NonZeroU32>,
}

/// Which model makes which quality.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default)]
pub struct Models {
    /// For `standard`.
    pub standard: Model,
    /// For `hd`.
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

/// The provider.
#[derive(Debug)]
pub struct Stability {
    settings: Settings,
    base: BaseUrl,
    http: Client,
}

impl Stability {
    /// The provider that these settings describe.
    ///
    /// # Errors
    ///
    /// If they describe none: what is wrong with them.
    pub fn new(settings: Settings) -> Result<Self, String> {
        if settings.api_key.expose().is_empty() {
            return Err("apiKey is empty".to_owned());
        }
        let base = match &settings.base_url {
            Some(base) => base.clone(),
            None => BaseUrl::try_from(BASE_URL.to_owned())?,
        };
        let total = Duration::from_secs(settings.timeout_seconds.get().into());
        let http = Client::new(EgressPolicy::Trusted, Timeouts { connect: CONNECT, total })
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
        let patience = Duration::from_secs(self.settings.timeout_seconds.get().into()).min(task.time_left());
        let answer = call::ask(request, patience, LARGEST_ANSWER).await?;
        if !answer.status.is_success() {
            return Err(refusal::refusal(&answer));
        }
        let made = answer::made(&answer)?;
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

    fn fits(&self, picture: &Picture) -> Result<(), Unable> {
        form::fits(picture)
    }

    fn calls(&self, task: &ImageTask) -> u32 {
        task.missing.len() as u32
    }

    fn bounds(&self) -> Option<Bounds> {
        let per_minute = self.settings.per_minute.map(NonZeroU32::get);
        Some(Bounds { at_once: self.settings.concurrency.get(), per_minute })
    }

    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        let mut calls = Vec::new();
        for &index in &task.missing {
            calls.push(self.image(task, index, sink));
        }
        let outcomes = call::in_turn(calls, self.settings.concurrency.get()).await;
        call::unless_failed(outcomes.into_iter().filter_map(Result::err))?;
        Ok(Step::Finished(Finished::default()))
    }
}

#[cfg(test)]
mod tests;
