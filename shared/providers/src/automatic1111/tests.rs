mod errors;
mod images;
mod progress;

use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::images::ImageFormat;
use domain::images::{Count, Prompt, ProviderChoice, Quality, Size, Style};
use domain::primitives::NamedValue as _;
use domain::providers::{ErrorClass, Reason, Stop};
use pictures::decode::decode;
use serde_json::{Value, json};
use testkit::standin::automatic1111::{self as standin, Manner, invalid, problem, without_api};
use testkit::standin::server::Reply;
use testkit::standin::{Encoding, painted};
use testkit::{Kept, image_task};

use super::*;

const PASSWORD: &str = "canary-password-0123456789";

async fn server() -> standin::Automatic1111 {
    standin::Automatic1111::start("semantest", PASSWORD).await
}

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

/// The provider with the server's settings and `more`.
fn provider(standin: &standin::Automatic1111, more: Value) -> Automatic1111 {
    let mut settings = standin.settings();
    let map = settings.as_object_mut().unwrap();
    map.extend(more.as_object().unwrap().clone());
    Automatic1111::new(serde_json::from_value(settings).unwrap()).unwrap()
}

/// The error of a job of one image if the stand-in answers `reply`.
async fn error_of(reply: Reply) -> ProviderError {
    let standin = server().await;
    standin.next(reply);
    let (task, kept) = (image_task(picture(Size::S512, 1)), Kept::default());
    let error = provider(&standin, json!({})).generate(&task, &kept).await.unwrap_err();
    assert!(kept.images().is_empty(), "no image must be delivered");
    for secret in ["canary", "kite"] {
        assert!(!error.to_string().contains(secret), "{error}");
    }
    error
}
