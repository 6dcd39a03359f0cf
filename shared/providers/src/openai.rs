//! OpenAI's images, and those of every service with a compatible API.
//!
//! The fields, sizes and prices of models are data: [`crate::models`]. One call makes as many images as the
//! model's row allows; further calls make the rest, as many at the same time as the operator allows.

mod answer;
pub(crate) mod api_client;
pub(crate) mod chat;
mod checkpoint;
mod delivery;
mod error;
mod missing_item;
mod request;
mod settings;
mod unavailable_models;
mod usage;

use std::collections::BTreeSet;

use api_client::{ApiClient, CallContext};
use async_trait::async_trait;
use checkpoint::{Checkpoint, CheckpointWriter};
use domain::Timestamp;
use domain::images::{Picture, ProviderChoice};
use domain::providers::{
    CapacityLimits, ErrorClass, ImageProvider, ImageSink, ImageTask, ProviderError, Reason, Step, Unsupported,
};
use settings::ModelNames;
use tokio::time::Instant;

use crate::call::{fail_if_any, run_concurrently};
use crate::models::{OpenAiRow, models};
use crate::picture_urls::PictureUrls;

pub(crate) use settings::Settings;
use unavailable_models::UnavailableModels;

/// Its name in jobs and in `order`.
pub(crate) const PROVIDER: &str = "openai";
/// Four large images as base64 are half of it.
const MAX_ANSWER_BYTES: usize = 80 << 20;

pub(crate) struct OpenAi {
    client: ApiClient,
    urls: PictureUrls,
    names: ModelNames,
    dialect: Option<crate::models::Dialect>,
    bounds: CapacityLimits,
    unavailable: UnavailableModels,
}

/// A model with its row in the table.
#[derive(Clone, Copy)]
struct Model<'a> {
    id: &'a str,
    row: &'static OpenAiRow,
}

/// What one run of a task passes to each of its calls.
#[derive(Clone, Copy)]
struct RunContext<'a> {
    task: &'a ImageTask,
    sink: &'a dyn ImageSink,
    checkpoints: &'a CheckpointWriter<'a>,
}

/// What is left of a task.
struct Remaining {
    missing: Vec<u8>,
    /// How many more calls may be made: at first as many as the job's row recorded beforehand.
    calls: usize,
    /// Whether the service makes one image a call, however many it is asked for.
    one_per_call: bool,
}

impl OpenAi {
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub(crate) fn new(mut settings: Settings) -> Result<Self, String> {
        let client = settings.client()?;
        let urls = client.picture_urls(PROVIDER, std::mem::take(&mut settings.pictures_from))?;
        let bounds = settings.capacity_limits();
        Ok(Self {
            client,
            urls,
            bounds,
            dialect: settings.dialect,
            names: settings.names()?,
            unavailable: UnavailableModels::default(),
        })
    }

    /// The client, and every model that the operator has chosen.
    pub(crate) fn into_client_and_models(self) -> (ApiClient, BTreeSet<String>) {
        let ModelNames { dalle3, dalle2, gpt_image } = self.names;
        (self.client, [dalle3, dalle2, gpt_image].into_iter().flatten().collect())
    }

    /// The models for the caller's choice, the preferred one first. GPT Image serves every choice but
    /// DALL·E's, `automatic` included.
    fn models(&self, choice: ProviderChoice) -> &[String] {
        if choice == ProviderChoice::Dalle3 {
            &self.names.dalle3
        } else if choice == ProviderChoice::Dalle2 {
            &self.names.dalle2
        } else {
            &self.names.gpt_image
        }
    }

    fn row(&self, model: &str) -> Result<&'static OpenAiRow, Unsupported> {
        let row = models().openai.row(model, self.dialect);
        row.ok_or_else(|| Unsupported::because(format!("nothing is known of its model {model}")))
    }

    /// The models that can make `picture`; if there is none, why the preferred one cannot.
    fn capable(&self, picture: &Picture) -> Result<Vec<Model<'_>>, Unsupported> {
        let mut capable = Vec::new();
        let mut unable = None;
        for id in self.models(picture.provider) {
            match self.row(id).and_then(|row| row.row.supports(picture).map(|()| row)) {
                Ok(row) => capable.push(Model { id, row }),
                Err(reason) => {
                    unable.get_or_insert(reason);
                }
            }
        }
        match unable {
            Some(reason) if capable.is_empty() => Err(reason),
            Some(_) | None => Ok(capable),
        }
    }

    /// The models to ask for `picture`: the capable ones that are available, or all capable ones if none is.
    fn available(&self, picture: &Picture) -> Result<Vec<Model<'_>>, Unsupported> {
        let capable = self.capable(picture)?;
        let now = Timestamp::now();
        let is_available = |model: &Model<'_>| !self.unavailable.contains(model.id, now);
        let available: Vec<_> = capable.iter().copied().filter(is_available).collect();
        Ok(if available.is_empty() { capable } else { available })
    }

    /// Makes what remains with this model. Returns that the model is gone only if nothing else went wrong:
    /// then nothing of the rest was made or paid for, and another model may be asked.
    async fn make(
        &self,
        model: Model<'_>,
        remaining: &mut Remaining,
        context: RunContext<'_>,
    ) -> Result<(), ProviderError> {
        loop {
            let began = Instant::now();
            let short = self.make_once(model, remaining, context).await?;
            if remaining.missing.is_empty() {
                return Ok(());
            }
            // A call that would be cut off is paid for without a result.
            if !short || context.task.time_left() < began.elapsed().mul_f64(1.5) {
                return Err(incomplete());
            }
            // Every round brings at least one image.
            let per_call = model.per_call(remaining.one_per_call);
            remaining.calls = remaining.missing.len().div_ceil(per_call);
            context.sink.more_calls(remaining.calls as u32, remaining.one_per_call).await?;
        }
    }

    /// Makes at most `remaining.calls` calls. Returns whether one of them brought fewer images than it was asked
    /// for.
    async fn make_once(
        &self,
        model: Model<'_>,
        remaining: &mut Remaining,
        context: RunContext<'_>,
    ) -> Result<bool, ProviderError> {
        let per_call = model.per_call(remaining.one_per_call);
        let parts = remaining.missing.chunks(per_call).take(remaining.calls);
        let wanted: usize = parts.clone().map(<[u8]>::len).sum();
        let calls = parts.map(|indexes| self.call(model, indexes, context));
        let outcomes = run_concurrently(calls.collect(), self.bounds.max_concurrent).await;
        let (mut came, mut gone, mut failures) = (0, Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome {
                Ok(made) => {
                    came += made.indexes.len();
                    remaining.missing.retain(|index| !made.indexes.contains(index));
                    remaining.calls -= 1;
                    remaining.one_per_call |= made.one_of_several;
                }
                Err(failure) if failure.reason == Reason::ModelGone => gone.push(failure),
                Err(failure) => failures.push(failure),
            }
        }
        if !gone.is_empty() {
            self.unavailable.record(model.id, Timestamp::now());
        }
        fail_if_any(if failures.is_empty() { gone } else { failures })?;
        Ok(came < wanted)
    }
}

impl Model<'_> {
    /// How many images one call makes.
    fn per_call(self, one_per_call: bool) -> usize {
        if one_per_call { 1 } else { usize::from(self.row.row.per_call).max(1) }
    }
}

/// The rest is to be made in another attempt, which is counted.
fn incomplete() -> ProviderError {
    ProviderError::new(ErrorClass::Internal, Reason::Failed, "only some of the pictures were made")
}

fn call_context<'a>(task: &ImageTask, private: &'a [&'a str]) -> CallContext<'a> {
    CallContext { deadline: task.deadline, private, max_bytes: MAX_ANSWER_BYTES }
}

#[async_trait]
impl ImageProvider for OpenAi {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    fn supports(&self, picture: &Picture) -> Result<(), Unsupported> {
        self.capable(picture).map(|_| ())
    }

    fn max_paid_calls(&self, task: &ImageTask) -> u32 {
        if Checkpoint::of(task).is_some() {
            return 0;
        }
        let per_call = match self.available(&task.picture).as_deref() {
            Ok([model, ..]) => model.per_call(task.one_per_call),
            Ok([]) | Err(_) => 1,
        };
        task.missing.len().div_ceil(per_call) as u32
    }

    fn capacity_limits(&self) -> Option<CapacityLimits> {
        Some(self.bounds)
    }

    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        if let Some(checkpoint) = Checkpoint::of(task) {
            return self.fetch_pending(checkpoint, task, sink).await;
        }
        let available = self
            .available(&task.picture)
            .map_err(|unable| ProviderError::new(ErrorClass::Caller, Reason::Unsupported, unable.reason))?;
        let checkpoints = CheckpointWriter::new(sink);
        let context = RunContext { task, sink, checkpoints: &checkpoints };
        let mut remaining = Remaining {
            missing: task.missing.clone(),
            calls: self.max_paid_calls(task) as usize,
            one_per_call: task.one_per_call,
        };
        let mut made = Err(ProviderError::new(
            ErrorClass::Operator,
            Reason::ModelGone,
            "no model stands for what was asked for",
        ));
        for model in available {
            made = self.make(model, &mut remaining, context).await;
            // The operator's next model is asked only in place of one that is gone.
            if !matches!(&made, Err(failure) if failure.reason == Reason::ModelGone) {
                break;
            }
        }
        checkpoints.outcome(made).await
    }
}

#[cfg(test)]
mod tests;
