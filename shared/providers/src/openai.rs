//! OpenAI's images, and those of every service that speaks its language.
//!
//! Which fields a model takes, what sizes it makes and what they cost is data: [`crate::models`].
//! One call makes as many images as the model's row allows; what is missing beyond that is asked
//! for in further calls, as many at the same time as the operator allows.

mod answer;
pub(crate) mod chat;
mod fault;
mod gone;
mod list;
mod noted;
mod request;
mod settings;
mod wire;

use async_trait::async_trait;
use bytes::Bytes;
use domain::Timestamp;
use domain::images::{ImageOrigin, Picture, ProviderChoice};
use domain::providers::{
    Bounds, FaultOf, GeneratedImage, ImageProvider, ImageSink, ImageTask, ProviderError, Reason, Step, Unable,
};

use crate::call::{self, in_turn, unless_failed};
use crate::models::{OpenAiRow, models};
use answer::{Answer, Found};
use gone::Gone;
pub use list::ModelList;
use noted::{Noted, Notes};
use settings::Names;
pub(crate) use settings::Settings;
use wire::{Call, Wire};

/// Its name on the wire.
const PROVIDER: &str = "openai";
/// The longest answer: four large pictures as base64 are half of it.
const LONGEST_ANSWER: usize = 80 << 20;

/// The provider.
pub(crate) struct OpenAi {
    wire: Wire,
    names: Names,
    dialect: Option<crate::models::Dialect>,
    bounds: Bounds,
    gone: Gone,
}

/// What is left of a task, and by how many calls it may be made: as many as were told before the first.
struct Left {
    missing: Vec<u8>,
    calls: usize,
}

impl OpenAi {
    /// The provider as the operator has set it up, or what is wrong with that.
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        let wire = settings.wire()?;
        let bounds = settings.bounds();
        Ok(Self { wire, bounds, dialect: settings.dialect, names: settings.names()?, gone: Gone::default() })
    }

    /// The models that stand for the name that was asked for, the first choice first.
    fn models(&self, choice: ProviderChoice) -> &[String] {
        match choice {
            ProviderChoice::Dalle3 => &self.names.dalle3,
            ProviderChoice::Dalle2 => &self.names.dalle2,
            ProviderChoice::GptImage
            | ProviderChoice::Automatic
            | ProviderChoice::StableDiffusion
            | ProviderChoice::Midjourney => &self.names.gpt_image,
        }
    }

    fn row(&self, model: &str) -> Result<&'static OpenAiRow, Unable> {
        let row = models().openai.row(model, self.dialect);
        row.ok_or_else(|| Unable::because(format!("nothing is known of its model {model}")))
    }

    /// The first model that can make `picture`, with its row; why the first choice cannot, if none can.
    fn able(&self, picture: &Picture) -> Result<Vec<(&str, &'static OpenAiRow)>, Unable> {
        let mut able = Vec::new();
        let mut unable = None;
        for model in self.models(picture.provider) {
            match self.row(model).and_then(|row| row.row.fits(picture).map(|()| row)) {
                Ok(row) => able.push((model.as_str(), row)),
                Err(reason) => {
                    unable.get_or_insert(reason);
                }
            }
        }
        match unable {
            Some(reason) if able.is_empty() => Err(reason),
            Some(_) | None => Ok(able),
        }
    }

    /// The models to ask for `picture`: those of the able ones that are not gone, if there is any.
    fn alive(&self, picture: &Picture) -> Result<Vec<(&str, &'static OpenAiRow)>, Unable> {
        let able = self.able(picture)?;
        let now = Timestamp::now();
        let alive: Vec<_> = able.iter().copied().filter(|(model, _)| !self.gone.holds(model, now)).collect();
        Ok(if alive.is_empty() { able } else { alive })
    }

    /// Makes what is left on this model. That the model is gone is told only where nothing else went
    /// wrong: nothing was made of that and nothing is owed, and another model may be asked.
    async fn make(
        &self,
        (model, row): (&str, &OpenAiRow),
        task: &ImageTask,
        left: &mut Left,
        (sink, notes): (&dyn ImageSink, &Notes<'_>),
    ) -> Result<(), ProviderError> {
        let parts = left.missing.chunks(usize::from(row.row.per_call).max(1)).take(left.calls);
        let calls = parts.map(|indexes| self.call(model, row, task, indexes, (sink, notes)));
        let outcomes = in_turn(calls.collect(), self.bounds.at_once).await;
        let (mut gone, mut failures) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome {
                Ok(made) => {
                    left.missing.retain(|index| !made.contains(index));
                    left.calls -= 1;
                }
                Err(failure) if failure.reason == Reason::ModelGone => gone.push(failure),
                Err(failure) => failures.push(failure),
            }
        }
        if !gone.is_empty() {
            self.gone.note(model, Timestamp::now());
        }
        unless_failed(if failures.is_empty() { gone } else { failures })?;
        if left.missing.is_empty() { Ok(()) } else { Err(only_some()) }
    }

    /// One call, for the images `indexes`, which it gives back.
    async fn call(
        &self,
        model: &str,
        row: &OpenAiRow,
        task: &ImageTask,
        indexes: &[u8],
        (sink, notes): (&dyn ImageSink, &Notes<'_>),
    ) -> Result<Vec<u8>, ProviderError> {
        let body = request::body(model, row, task, indexes.len());
        let asked = task.picture.prompt.as_str();
        let private = [asked, &body.prompt];
        let call = about(task, &private);
        let sent = (body.prompt != asked).then_some(body.prompt.as_str());
        let bytes = self.wire.post("/images/generations", &body, call).await?;
        let answer = Answer::read(&bytes).map_err(|problem| self.wire.unusable(&bytes, problem, call))?;
        let pictures = answer.pictures();
        let each = answer.costs(&row.row, &task.picture, pictures.len().min(indexes.len()));
        let made: Vec<_> = indexes
            .iter()
            .zip(&pictures)
            .zip(each)
            .map(|((&index, picture), cost_micros)| {
                let origin = ImageOrigin {
                    provider: PROVIDER.to_owned(),
                    model: model.to_owned(),
                    revised_prompt: picture.revised_prompt.or(sent).map(ToOwned::to_owned),
                    seed: None,
                    cost_micros,
                };
                (index, picture.found, origin)
            })
            .collect();
        notes
            .add(made.iter().filter_map(|(index, found, origin)| match found {
                Found::At(url) => {
                    Some(noted::Picture { index: *index, url: (*url).to_owned(), origin: origin.clone() })
                }
                Found::Inline(_) | Found::Nothing => None,
            }))
            .await?;
        let mut kept = Vec::new();
        // One after the other: each is decoded and resampled on its way, which takes memory.
        for (index, found, origin) in made {
            let handed = self.hand_over(index, (found, origin), call, sink).await;
            kept.push(notes.unless_it_remains((index, handed)).await);
        }
        unless_failed(kept.into_iter().filter_map(Result::err))?;
        let (made, wanted) = (pictures.len(), indexes.len());
        if made < wanted {
            return Err(call::Answer::unusable(&format!("the answer holds {made} of {wanted} pictures")));
        }
        Ok(indexes.to_vec())
    }

    /// Fetches the pictures that an earlier call has made and paid for.
    async fn fetch_noted(
        &self,
        noted: Noted,
        task: &ImageTask,
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        let private = [task.picture.prompt.as_str()];
        let mut kept = Vec::new();
        for picture in noted.pictures.iter().filter(|picture| task.missing.contains(&picture.index)) {
            let made = (Found::At(&picture.url), picture.origin.clone());
            kept.push(self.hand_over(picture.index, made, about(task, &private), sink).await);
        }
        let all = task.missing.len() == kept.len();
        let step = noted.outcome(kept)?;
        if all || matches!(step, Step::AskAgain { .. }) {
            return Ok(step);
        }
        // Another call of the same try has failed.
        Err(only_some())
    }

    /// Hands over a picture, wherever it is.
    async fn hand_over(
        &self,
        index: u8,
        (found, origin): (Found<'_>, ImageOrigin),
        call: Call<'_>,
        sink: &dyn ImageSink,
    ) -> Result<(), ProviderError> {
        let bytes = answer::picture(self.fetch(found, call).await?)?;
        Ok(sink.image(index, GeneratedImage { bytes, origin }).await?)
    }

    /// The bytes of a picture in the answer.
    async fn fetch(&self, found: Found<'_>, call: Call<'_>) -> Result<Bytes, ProviderError> {
        match found {
            Found::Inline(text) => call::decoded(text)
                .ok_or_else(|| call::Answer::unusable("a picture in the answer is not base64")),
            Found::At(url) => self.wire.download(url, call).await,
            Found::Nothing => Err(call::Answer::unusable("an item of the answer holds no picture")),
        }
    }
}

/// What is left is to be made in a try that is counted.
fn only_some() -> ProviderError {
    ProviderError::new(FaultOf::Ours, Reason::Failed, "only some of the pictures were made")
}

/// What holds for every exchange about this task.
fn about<'a>(task: &ImageTask, private: &'a [&'a str]) -> Call<'a> {
    Call { deadline: task.deadline, private, longest: LONGEST_ANSWER }
}

#[async_trait]
impl ImageProvider for OpenAi {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    fn fits(&self, picture: &Picture) -> Result<(), Unable> {
        self.able(picture).map(|_| ())
    }

    fn calls(&self, task: &ImageTask) -> u32 {
        if Noted::of(task).is_some() {
            return 0;
        }
        let per_call = match self.alive(&task.picture).as_deref() {
            Ok([(_, row), ..]) => row.row.per_call,
            Ok([]) | Err(_) => 1,
        };
        task.missing.len().div_ceil(usize::from(per_call).max(1)) as u32
    }

    fn bounds(&self) -> Option<Bounds> {
        Some(self.bounds)
    }

    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        if let Some(noted) = Noted::of(task) {
            return self.fetch_noted(noted, task, sink).await;
        }
        let alive = self
            .alive(&task.picture)
            .map_err(|unable| ProviderError::new(FaultOf::Caller, Reason::Unsupported, unable.reason))?;
        let notes = Notes::new(sink);
        let mut left = Left { missing: task.missing.clone(), calls: self.calls(task) as usize };
        let mut made = Err(ProviderError::new(
            FaultOf::Operator,
            Reason::ModelGone,
            "no model stands for what was asked for",
        ));
        for model in alive {
            made = self.make(model, task, &mut left, (sink, &notes)).await;
            // The operator's next model is asked in the place of one that is gone.
            if !matches!(&made, Err(failure) if failure.reason == Reason::ModelGone) {
                break;
            }
        }
        notes.outcome(made)
    }
}

#[cfg(test)]
mod tests;
