//! One call, and the way of its images to the sink.

use std::borrow::Cow;

use bytes::Bytes;
use domain::images::ImageOrigin;
use domain::providers::{GeneratedImage, ImageSink, ImageTask, ProviderError, Reason, Step};
use egress::DownloadLimits;
use pictures::decode::is_supported;

use super::answer::{self, Answer, Content};
use super::api_client::CallContext;
use super::checkpoint::{Checkpoint, PendingImage};
use super::{Model, OpenAi, PROVIDER, RunContext, call_context, incomplete, missing_item, request};
use crate::call::{self, fail_if_any};
use crate::picture_urls::Undelivered;
use crate::reading::decode_base64;

/// The most bytes of an image behind a URL.
const MAX_IMAGE_BYTES: usize = 32 << 20;

/// What a call brought.
pub(super) struct Made {
    pub(super) indexes: Vec<u8>,
    /// Whether that was one image of several.
    pub(super) one_of_several: bool,
}

impl OpenAi {
    /// Makes one call for the images `indexes`. A call that brings one of them has not failed.
    pub(super) async fn call(
        &self,
        model: Model<'_>,
        indexes: &[u8],
        context: RunContext<'_>,
    ) -> Result<Made, ProviderError> {
        let RunContext { task, sink, checkpoints } = context;
        let body = request::body(model.id, model.row, task, indexes.len());
        let original = task.picture.prompt.as_str();
        let private = [original, &body.prompt];
        let call = call_context(task, &private);
        let revised = (body.prompt != original).then_some(body.prompt.as_str());
        let bytes = answer::as_answer(self.client.post("/images/generations", &body, call).await?);
        let answer = Answer::read(&bytes).map_err(|problem| self.client.unusable(&bytes, problem, call))?;
        let items = &answer.items;
        let holding = items.iter().filter(|item| item.content.holds_picture());
        let pictures: Vec<_> = indexes.iter().copied().zip(holding).collect();
        let mut failures = Vec::new();
        if pictures.len() < indexes.len() {
            let empty = |at: &usize| items.get(*at).is_none_or(|item| item.content == Content::Nothing);
            let missing = (0..indexes.len()).filter(empty);
            failures.extend(missing.map(|at| missing_item::error(&self.client, &bytes, items.get(at), call)));
        }
        if pictures.is_empty() && failures.is_empty() {
            failures.push(call::Answer::unusable("no item of the answer is a picture"));
        }
        // Where the answer does not say why some are missing, they are asked for at once.
        failures.retain(|failure| pictures.is_empty() || failure.reason != Reason::NoImage);
        // Items without a picture have no share: what was paid for them is a cost of the others.
        let costs = answer.costs(&model.row.row, &task.picture, pictures.len(), indexes.len());
        let made: Vec<_> = pictures
            .iter()
            .zip(costs)
            .map(|(&(index, item), cost_micros)| {
                let origin = ImageOrigin {
                    provider: PROVIDER.to_owned(),
                    model: model.id.to_owned(),
                    revised_prompt: item.revised_prompt.as_deref().or(revised).map(ToOwned::to_owned),
                    seed: None,
                    cost_micros,
                };
                (index, &item.content, origin)
            })
            .collect();
        checkpoints
            .add(made.iter().filter_map(|(index, content, origin)| match content {
                Content::Url(url) => {
                    Some(PendingImage { index: *index, url: url.trim().to_owned(), origin: origin.clone() })
                }
                Content::Inline(_) | Content::Nothing => None,
            }))
            .await?;
        // One after the other: each is decoded and resampled on its way, which takes memory.
        for (index, content, origin) in made {
            let outcome = self.deliver(index, content, origin, call, sink).await;
            failures.extend(checkpoints.unless_available(index, outcome).await.err());
        }
        // However many of its images failed, it is one call.
        fail_if_any(failures).map_err(|failure| ProviderError { calls: 1, ..failure })?;
        let one_of_several = items.len() == 1 && indexes.len() > 1;
        Ok(Made { indexes: pictures.into_iter().map(|(index, _)| index).collect(), one_of_several })
    }

    /// Fetches the images that an earlier call has made and paid for.
    pub(super) async fn fetch_pending(
        &self,
        checkpoint: Checkpoint,
        task: &ImageTask,
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        let private = [task.picture.prompt.as_str()];
        let call = call_context(task, &private);
        let mut outcomes = Vec::new();
        for image in checkpoint.pictures.iter().filter(|image| task.missing.contains(&image.index)) {
            let (content, origin) = (Content::Url(Cow::Borrowed(&image.url)), image.origin.clone());
            outcomes.push(self.deliver(image.index, &content, origin, call, sink).await);
        }
        let all = task.missing.len() == outcomes.len();
        let step = checkpoint.outcome(outcomes, sink)?;
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
        content: &Content<'_>,
        origin: ImageOrigin,
        call: CallContext<'_>,
        sink: &dyn ImageSink,
    ) -> Result<(), Undelivered> {
        let bytes = self.fetch(content, call).await?;
        Ok(sink.image(index, GeneratedImage { bytes, origin }).await.map_err(ProviderError::from)?)
    }

    async fn fetch(&self, content: &Content<'_>, call: CallContext<'_>) -> Result<Bytes, Undelivered> {
        let unusable = |problem| Err(call::Answer::unusable(problem).into());
        match content {
            Content::Inline(text) => match decode_base64(text) {
                Some(bytes) if is_supported(&bytes) => Ok(bytes),
                Some(_) => unusable("what came is not a picture"),
                None => unusable("a picture in the answer is not base64"),
            },
            Content::Url(url) => match self.urls.url(url) {
                Some(url) => {
                    let timeout = self.client.timeout(call);
                    self.urls.get(&url, DownloadLimits { max_bytes: MAX_IMAGE_BYTES, timeout }).await
                }
                None => unusable("the address of a picture in the answer is no URL"),
            },
            Content::Nothing => {
                Err(call::Answer::without_image("an item of the answer holds no picture").into())
            }
        }
    }
}
