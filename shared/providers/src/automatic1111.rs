//! Stable Diffusion on a server of one's own, by the API of AUTOMATIC1111's web UI, which SD.Next and
//! Forge speak too.
//!
//! The server makes one picture after the other, for everybody who uses it, and goes on when who has
//! asked is gone. So one call makes all images of a job, one job is asked for at a time unless the
//! operator says otherwise, and work that nobody waits for any more is interrupted, if it is certain
//! that it is ours.

mod answer;
mod refusal;
mod request;
mod watch;

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use domain::images::{ImageOrigin, Picture};
use domain::primitives::Secret;
use domain::providers::{
    Bounds, FaultOf, Finished, GeneratedImage, ImageProvider, ImageSink, ImageTask, ProviderError, Reason,
    Step, Unable,
};
use egress::{Client, EgressPolicy, Method, PolicyViolation, RequestBuilder, Timeouts};
use serde::Deserialize;
use url::Url;

pub use request::Steps;

use crate::call::{self, Answer, BaseUrl};
use crate::seed;
use request::Wanted;
use watch::Watch;

/// Its name on the wire.
pub const PROVIDER: &str = "stable_diffusion";
const CONNECT: Duration = Duration::from_secs(5);
/// Four large pictures as PNG and then as base64.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// What is kept of the time for interrupting what nobody waits for.
const TIME_TO_INTERRUPT: Duration = Duration::from_secs(3);

/// What the providers document says of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Where the server is. It must run with `--api`.
    pub base_url: BaseUrl,
    /// The user of `--api-auth` (SD.Next: `--auth`).
    pub username: Option<String>,
    /// That user's password.
    pub password: Option<Secret>,
    /// The checkpoint that pictures are to be made with, if not simply the one that is loaded.
    pub checkpoint: Option<String>,
    /// The side of the squares that the checkpoint was trained on: 512 for SD 1.5, 1024 for SDXL and
    /// later. What has fewer pixels is made larger, in the same ratio, and scaled down.
    #[serde(default = "trained_side")]
    pub trained_side: NonZeroU32,
    /// What pictures shall not show.
    #[serde(default = "negative_prompt")]
    pub negative_prompt: String,
    /// How many steps make which quality.
    #[serde(default)]
    pub steps: Steps,
    /// How closely the prompt is kept to.
    #[serde(default = "cfg_scale")]
    pub cfg_scale: f64,
    /// The sampler, by the server's name for it; the server's own choice, if left out.
    pub sampler: Option<String>,
    /// The scheduler, likewise. Older servers know none.
    pub scheduler: Option<String>,
    /// Makes a job's images one after the other in the same call, for a graphics card that cannot hold
    /// several at once.
    #[serde(default)]
    pub in_turn: bool,
    /// How long a call may take.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: NonZeroU32,
    /// Jobs at the same time, which are as many calls: as many as there are servers behind the address.
    #[serde(default = "one")]
    pub concurrency: NonZeroU32,
    /// Images a minute, if that shall be bounded.
    pub per_minute: Option<NonZeroU32>,
}

const fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

const fn trained_side() -> NonZeroU32 {
    one().saturating_add(1023)
}

const fn timeout_seconds() -> NonZeroU32 {
    one().saturating_add(599)
}

fn negative_prompt() -> String {
    "lowres, blurry, jpeg artifacts, watermark".to_owned()
}

const fn cfg_scale() -> f64 {
    7.0
}

/// The provider.
#[derive(Debug)]
pub struct Automatic1111 {
    settings: Settings,
    http: Client,
}

impl Automatic1111 {
    /// The provider that these settings describe.
    ///
    /// # Errors
    ///
    /// If they describe none: what is wrong with them.
    pub fn new(settings: Settings) -> Result<Self, String> {
        if !request::SIDES.contains(&settings.trained_side.get()) {
            let (least, most) = (request::SIDES.start(), request::SIDES.end());
            return Err(format!("trainedSide must be from {least} to {most}"));
        }
        let total = Duration::from_secs(settings.timeout_seconds.get().into());
        let http = Client::new(EgressPolicy::Trusted, Timeouts { connect: CONNECT, total })
            .map_err(|problem| problem.to_string())?;
        Ok(Self { settings, http })
    }

    fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, PolicyViolation> {
        let request = self.http.request(method, url)?;
        Ok(match &self.settings.username {
            Some(user) => request.basic_auth(user, self.settings.password.as_ref().map(Secret::expose)),
            None => request,
        })
    }

    /// How long the server has for this job.
    fn patience(&self, task: &ImageTask) -> Duration {
        let left = task.time_left();
        let left = left.saturating_sub(TIME_TO_INTERRUPT.min(left / 4));
        left.min(Duration::from_secs(self.settings.timeout_seconds.get().into()))
    }

    /// Asks for the pictures, and looks how they come along until they are there.
    async fn ask(
        &self,
        wanted: &Wanted<'_>,
        patience: Duration,
        sink: &dyn ImageSink,
    ) -> Result<Answer, ProviderError> {
        let mut watch = Watch::begin(self, wanted.rounds(), wanted.steps()).await;
        let url = self.settings.base_url.at("/sdapi/v1/txt2img");
        let request = self.request(Method::POST, &url).map(|request| request.json(wanted));
        let answer = tokio::select! {
            answer = call::ask(request, patience, LARGEST_ANSWER) => answer,
            stop = watch.follow(sink) => Err(stop.into()),
        };
        match &answer {
            Ok(_) if watch.was_interrupted() => {
                let message = "somebody interrupted the work at the server";
                Err(ProviderError::new(FaultOf::Provider, Reason::Failed, message))
            }
            // Nobody waits for it any more, but the server would go on.
            Err(error) if error.reason == Reason::Timeout || error.fault == FaultOf::Ours => {
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

    fn fits(&self, _picture: &Picture) -> Result<(), Unable> {
        Ok(())
    }

    fn calls(&self, task: &ImageTask) -> u32 {
        u32::from(!task.missing.is_empty())
    }

    fn bounds(&self) -> Option<Bounds> {
        let per_minute = self.settings.per_minute.map(NonZeroU32::get);
        Some(Bounds { at_once: self.settings.concurrency.get(), per_minute })
    }

    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        let Some(&first) = task.missing.first() else { return Ok(Step::Finished(Finished::default())) };
        let wanted =
            Wanted::new(&self.settings, &task.picture, task.missing.len(), seed::of(task.job, first));
        let answer = self.ask(&wanted, self.patience(task), sink).await?;
        if !answer.status.is_success() {
            return Err(refusal::refusal(&answer));
        }
        let made = answer::made(&answer.body, task.missing.len())?;
        made.info.check_model(self.settings.checkpoint.as_deref())?;
        let model = made.info.model.as_deref().or(self.settings.checkpoint.as_deref());
        for (n, &index) in task.missing.iter().enumerate() {
            let bytes = made.image(n)?;
            let origin = ImageOrigin {
                provider: PROVIDER.to_owned(),
                model: model.unwrap_or("stable-diffusion").to_owned(),
                revised_prompt: wanted.revised_prompt(&task.picture),
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
