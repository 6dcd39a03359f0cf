//! Stability's answer with an image.

use bytes::Bytes;
use domain::providers::{ErrorClass, ProviderError, Reason};
use pictures::decode::is_supported;
use serde_json::Value;

use crate::call::Answer;
use crate::reading::lenient::Fields;
use crate::reading::{as_json, decode_base64};

pub(super) struct MadeImage {
    pub(super) bytes: Bytes,
    pub(super) seed: Option<u64>,
}

/// The image in a successful answer. The request accepts JSON; a server that sends the image itself, of whatever
/// content type, puts the other values in headers.
pub(super) fn read(answer: &Answer) -> Result<MadeImage, ProviderError> {
    let in_header = answer.header("finish-reason");
    if is_supported(&answer.body)
        || answer.header("content-type").is_some_and(|kind| kind.starts_with("image/"))
    {
        check_finish_reasons([in_header, None])?;
        let seed = answer.header("seed").and_then(|seed| seed.parse().ok());
        return Ok(MadeImage { bytes: answer.body.clone(), seed });
    }
    let body = as_json(answer.body.clone());
    let Some(fields) = Fields::read(&body) else {
        return Err(Answer::unusable("Stability answered something else than JSON with an image"));
    };
    check_finish_reasons([in_header, fields.text("finish_reason").as_deref()])?;
    let Some(image) = fields.text("image") else {
        return Err(Answer::without_image("Stability's answer holds no image"));
    };
    let seed = match fields.value("seed") {
        Value::Number(seed) => seed.as_u64(),
        Value::String(seed) => seed.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match decode_base64(&image) {
        Some(bytes) => Ok(MadeImage { bytes, seed }),
        None => Err(Answer::unusable("Stability's image is not base64")),
    }
}

/// Accepts an image only if it is complete. A moderated image is sent too, but blurred; one without a finish
/// reason may be such a one.
fn check_finish_reasons(reasons: [Option<&str>; 2]) -> Result<(), ProviderError> {
    let mut reasons = reasons.into_iter().flatten().peekable();
    if reasons.peek().is_none() {
        return Err(Answer::unusable("Stability does not say how the image was finished"));
    }
    reasons.try_for_each(|reason| {
        if reason.eq_ignore_ascii_case("SUCCESS") {
            Ok(())
        } else if reason.eq_ignore_ascii_case("CONTENT_FILTERED") {
            let message = "Stability objects to the content of the image that came of the prompt";
            // The documentation does not say whether this is charged.
            Err(ProviderError::new(ErrorClass::Caller, Reason::Moderated, message).possibly_paid())
        } else {
            Err(Answer::unusable("Stability did not finish the image"))
        }
    })
}
