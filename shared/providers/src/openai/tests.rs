//! The provider against a stand-in that is as strict as OpenAI.

mod answers;
mod errors;
mod forms;
mod judgements;
mod requests;
mod unavailable_models;
mod urls;

use domain::images::{Count, Picture, Prompt, ProviderChoice, Quality, Size};
use domain::providers::ImageProvider as _;
use domain::providers::{ImageTask, ProviderError, Step};
use serde_json::{Value, json};
use testkit::standin::openai::{KEY, OpenAi as StandIn};
use testkit::{Kept, image_task};

use super::{OpenAi, Settings};

/// The prompt of the tests' images.
const PROMPT: &str = "a red kite over dunes";

fn picture(provider: ProviderChoice, size: Size, count: u8) -> Picture {
    Picture {
        prompt: Prompt::try_from(PROMPT.to_owned()).unwrap(),
        provider,
        size,
        count: Count::try_from(count).unwrap(),
        quality: Quality::Standard,
        style: None,
    }
}

fn square(count: u8) -> Picture {
    picture(ProviderChoice::GptImage, Size::S1024, count)
}

/// The provider with these settings, at `base_url`.
fn provider(base_url: &str, settings: &Value) -> OpenAi {
    let mut all = json!({"apiKey": KEY, "baseUrl": base_url});
    for (name, value) in settings.as_object().unwrap() {
        all[name] = value.clone();
    }
    let settings: Settings = serde_json::from_value(all).unwrap();
    OpenAi::new(settings).unwrap()
}

async fn make(stand_in: &StandIn, settings: &Value, picture: Picture) -> (Kept, Result<Step, ProviderError>) {
    make_task(stand_in, settings, &image_task(picture)).await
}

async fn make_task(
    stand_in: &StandIn,
    settings: &Value,
    task: &ImageTask,
) -> (Kept, Result<Step, ProviderError>) {
    let kept = Kept::default();
    let made = provider(&stand_in.base_url(), settings).generate(task, &kept).await;
    if let Err(failure) = &made {
        let shown = format!("{failure:?} {failure}");
        assert!(!shown.contains(KEY) && !shown.contains(PROMPT) && !shown.contains("canary"), "{shown}");
    }
    (kept, made)
}

/// The error of one attempt at one square image.
async fn failure(stand_in: &StandIn) -> ProviderError {
    make(stand_in, &json!({}), square(1)).await.1.unwrap_err()
}
