//! OpenAI's images, and those of every service with a compatible API.
//!
//! The fields, sizes and prices of models are data: [`crate::models`]. One call makes as many images as the
//! model's row allows; further calls make the rest, as many at the same time as the operator allows.

mod answer;
pub(crate) mod api_client;
pub(crate) mod chat;
mod checkpoint;
mod error;
mod missing_item;
mod request;
mod settings;
mod unavailable_models;

use std::collections::BTreeSet;

use answer::{Answer, Content};
use api_client::{ApiClient, CallContext};
use async_trait::async_trait;
use bytes::Bytes;
use checkpoint::{Checkpoint, CheckpointWriter, PendingImage};
use domain::Timestamp;
use domain::images::{ImageOrigin, Picture, ProviderChoice};
use domain::providers::{
    CapacityLimits, ErrorClass, GeneratedImage, ImageProvider, ImageSink, ImageTask, ProviderError, Reason,
    Step, Unsupported,
};
use settings::ModelNames;

use crate::call::{self, fail_if_any, run_concurrently};
use crate::models::{OpenAiRow, models};

pub(crate) use settings::Settings;
use unavailable_models::UnavailableModels;

/// Its name in jobs and in `order`.
pub(crate) const PROVIDER: &str = "openai";
/// Four large images as base64 are half of it.
const MAX_ANSWER_BYTES: usize = 80 << 20;

pub(crate) struct OpenAi {
    client: ApiClient,
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
}

impl OpenAi {
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        let client = settings.client()?;
        let bounds = settings.capacity_limits();
        Ok(Self {
            client,
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
        let per_call = usize::from(model.row.row.per_call).max(1);
        let parts = remaining.missing.chunks(per_call).take(remaining.calls);
        let calls = parts.map(|indexes| self.call(model, indexes, context));
        let outcomes = run_concurrently(calls.collect(), self.bounds.max_concurrent).await;
        let (mut gone, mut failures) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome {
                Ok(made) => {
                    remaining.missing.retain(|index| !made.contains(index));
                    remaining.calls -= 1;
                }
                Err(failure) if failure.reason == Reason::ModelGone => gone.push(failure),
                Err(failure) => failures.push(failure),
            }
        }
        if !gone.is_empty() {
            self.unavailable.record(model.id, Timestamp::now());
        }
        fail_if_any(if failures.is_empty() { gone } else { failures })?;
        if remaining.missing.is_empty() { Ok(()) } else { Err(incomplete()) }
    }

    /// Makes one call for the images `indexes`, and returns these.
    async fn call(
        &self,
        model: Model<'_>,
        indexes: &[u8],
        context: RunContext<'_>,
    ) -> Result<Vec<u8>, ProviderError> {
        let RunContext { task, sink, checkpoints } = context;
        let body = request::body(model.id, model.row, task, indexes.len());
        let original = task.picture.prompt.as_str();
        let private = [original, &body.prompt];
        let call = call_context(task, &private);
        let revised = (body.prompt != original).then_some(body.prompt.as_str());
        let bytes = self.client.post("/images/generations", &body, call).await?;
        let answer = Answer::read(&bytes).map_err(|problem| self.client.unusable(&bytes, problem, call))?;
        let items = answer.items();
        let costs = answer.costs(&model.row.row, &task.picture, items.len().min(indexes.len()));
        let made: Vec<_> = indexes
            .iter()
            .zip(&items)
            .zip(costs)
            .map(|((&index, item), cost_micros)| {
                let origin = ImageOrigin {
                    provider: PROVIDER.to_owned(),
                    model: model.id.to_owned(),
                    revised_prompt: item.revised_prompt.or(revised).map(ToOwned::to_owned),
                    seed: None,
                    cost_micros,
                };
                (index, item.content, origin)
            })
            .collect();
        checkpoints
            .add(made.iter().filter_map(|(index, content, origin)| match content {
                Content::Url(url) => {
                    Some(PendingImage { index: *index, url: (*url).to_owned(), origin: origin.clone() })
                }
                Content::Inline(_) | Content::Nothing => None,
            }))
            .await?;
        let mut outcomes = Vec::new();
        // One after the other: each is decoded and resampled on its way, which takes memory.
        for (at, (index, content, origin)) in made.into_iter().enumerate() {
            if content == Content::Nothing {
                outcomes.push(Err(missing_item::error(&self.client, &bytes, at, call)));
                continue;
            }
            let outcome = self.deliver(index, content, origin, call, sink).await;
            outcomes.push(checkpoints.unless_available(index, outcome).await);
        }
        fail_if_any(outcomes.into_iter().filter_map(Result::err))?;
        let (made, wanted) = (items.len(), indexes.len());
        if made < wanted {
            return Err(missing_item::error(&self.client, &bytes, made, call));
        }
        Ok(indexes.to_vec())
    }

    /// Fetches the images that an earlier call has made and paid for.
    async fn fetch_pending(
        &self,
        checkpoint: Checkpoint,
        task: &ImageTask,
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        let private = [task.picture.prompt.as_str()];
        let call = call_context(task, &private);
        let mut outcomes = Vec::new();
        for image in checkpoint.pictures.iter().filter(|image| task.missing.contains(&image.index)) {
            let (content, origin) = (Content::Url(&image.url), image.origin.clone());
            outcomes.push(self.deliver(image.index, content, origin, call, sink).await);
        }
        let all = task.missing.len() == outcomes.len();
        let step = checkpoint.outcome(outcomes)?;
        if all || matches!(step, Step::Pending { .. }) {
            return Ok(step);
        }
        // Another call of the same attempt has failed.
        Err(incomplete())
    }

    /// Gets an image's bytes and passes them to `sink`.
    async fn deliver(
        &self,
        index: u8,
        content: Content<'_>,
        origin: ImageOrigin,
        call: CallContext<'_>,
        sink: &dyn ImageSink,
    ) -> Result<(), ProviderError> {
        let bytes = answer::check_format(self.fetch(content, call).await?)?;
        Ok(sink.image(index, GeneratedImage { bytes, origin }).await?)
    }

    async fn fetch(&self, content: Content<'_>, call: CallContext<'_>) -> Result<Bytes, ProviderError> {
        match content {
            Content::Inline(text) => call::decode_base64(text)
                .ok_or_else(|| call::Answer::unusable("a picture in the answer is not base64")),
            Content::Url(url) => self.client.download(url, call).await,
            Content::Nothing => Err(call::Answer::without_image("an item of the answer holds no picture")),
        }
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
            Ok([model, ..]) => model.row.row.per_call,
            Ok([]) | Err(_) => 1,
        };
        task.missing.len().div_ceil(usize::from(per_call).max(1)) as u32
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
        let mut remaining =
            Remaining { missing: task.missing.clone(), calls: self.max_paid_calls(task) as usize };
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
        checkpoints.outcome(made)
    }
}

#[cfg(test)]
mod tests;
