mod answers;
mod errors;
mod requests;

use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::images::{Count, Prompt, ProviderChoice, Size, Style};
use domain::primitives::NamedValue as _;
use domain::providers::{ErrorClass, Reason};
use pictures::decode::decode;
use proptest::prelude::*;
use testkit::standin::server::Reply;
use testkit::standin::stability::{self as standin, problem, problem_of_v1};
use testkit::{Kept, image_task};

use super::*;

const KEY: &str = "sk-canary-stability-0123456789abcdef";

fn picture(size: Size, count: u8) -> Picture {
    Picture {
        prompt: Prompt::try_from("a red kite over dunes".to_owned()).unwrap(),
        provider: ProviderChoice::StableDiffusion,
        size,
        count: Count::try_from(count).unwrap(),
        quality: Quality::Standard,
        style: None,
    }
}

fn provider(standin: &standin::Stability) -> Stability {
    Stability::new(serde_json::from_value(standin.settings()).unwrap()).unwrap()
}

/// The error of a job of one image if the stand-in answers `reply`.
async fn error_of(reply: Reply) -> ProviderError {
    let standin = standin::Stability::start(KEY).await;
    standin.next(reply);
    let (task, kept) = (image_task(picture(Size::S512, 1)), Kept::default());
    let error = provider(&standin).generate(&task, &kept).await.unwrap_err();
    assert!(kept.images().is_empty(), "no image must be delivered");
    assert!(!error.to_string().contains("canary"), "{error}");
    assert!(!error.to_string().contains("kite"), "{error}");
    error
}
