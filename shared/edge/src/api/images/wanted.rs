//! Whether a chat asks for an image.

use crate::http::request::BODY_LIMIT;
use serde_json::Value;

/// Whether a body asks for an image, as far as can be told without judging the rest of it.
#[must_use]
pub(crate) fn asks_for_image(body: &[u8]) -> bool {
    let asked = |whole: Value| -> Option<bool> {
        let enabled = whole.get("imageGeneration")?.as_object()?.get("enabled");
        Some(enabled != Some(&Value::Bool(false)))
    };
    body.len() <= BODY_LIMIT && serde_json::from_slice(body).ok().and_then(asked) == Some(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_asks_for_an_image_is_known_before_the_body_is_judged() {
        for (body, asks) in [
            (json!({"imageGeneration": {}}), true),
            (json!({"imageGeneration": {"enabled": true}, "prompt": 1}), true),
            (json!({"imageGeneration": {"enabled": null}}), true),
            (json!({"imageGeneration": {"enabled": false}}), false),
            (json!({"imageGeneration": null}), false),
            (json!({}), false),
            (json!([]), false),
        ] {
            assert_eq!(asks_for_image(body.to_string().as_bytes()), asks, "{body}");
        }
        assert!(!asks_for_image(b"{"));
    }
}
