//! What Stability sends when it has made an image.

use bytes::Bytes;
use domain::providers::{FaultOf, ProviderError, Reason};
use serde::Deserialize;
use serde_json::Value;

use crate::call::{Answer, decoded};

pub(super) struct Made {
    pub(super) bytes: Bytes,
    pub(super) seed: Option<u64>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    image: Option<std::borrow::Cow<'a, str>>,
    finish_reason: Option<String>,
    #[serde(default)]
    seed: Value,
}

/// The image in an answer that is a success. JSON is asked for; a server that sends the picture itself
/// says the rest in headers.
pub(super) fn made(answer: &Answer) -> Result<Made, ProviderError> {
    let told = answer.header("finish-reason");
    if answer.header("content-type").is_some_and(|kind| kind.starts_with("image/")) {
        look_why([told, None])?;
        let seed = answer.header("seed").and_then(|seed| seed.parse().ok());
        return Ok(Made { bytes: answer.body.clone(), seed });
    }
    let body: Body<'_> = serde_json::from_slice(&answer.body)
        .map_err(|_| Answer::unusable("Stability answered something else than JSON with an image"))?;
    look_why([told, body.finish_reason.as_deref()])?;
    let bytes = body.image.and_then(|image| decoded(&image));
    let seed = match body.seed {
        Value::Number(seed) => seed.as_u64(),
        Value::String(seed) => seed.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match bytes {
        Some(bytes) => Ok(Made { bytes, seed }),
        None => Err(Answer::unusable("Stability's answer holds no image")),
    }
}

/// Lets through only what was finished well. A picture that was found objectionable comes too, but
/// blurred; what is not said to be whole may be such a one.
fn look_why(reasons: [Option<&str>; 2]) -> Result<(), ProviderError> {
    let mut reasons = reasons.into_iter().flatten().peekable();
    if reasons.peek().is_none() {
        return Err(Answer::unusable("Stability does not say how the image was finished"));
    }
    reasons.try_for_each(|reason| {
        if reason.eq_ignore_ascii_case("SUCCESS") {
            Ok(())
        } else if reason.eq_ignore_ascii_case("CONTENT_FILTERED") {
            let message = "Stability objects to the content of the image that came of the prompt";
            // Whether it was charged, it does not say.
            Err(ProviderError::new(FaultOf::Caller, Reason::Moderated, message).maybe_paid())
        } else {
            Err(Answer::unusable("Stability did not finish the image"))
        }
    })
}
