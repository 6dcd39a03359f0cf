//! Detects whether a chat message requests an image.

use serde_json::Value;

use crate::http::routes::BODY_LIMIT;

/// Returns whether a body requests an image. Does not validate the rest of the body.
#[must_use]
pub(crate) fn asks_for_image(body: &[u8]) -> bool {
    let requested = |whole: Value| -> Option<bool> {
        let enabled = whole.get("imageGeneration")?.as_object()?.get("enabled");
        Some(enabled != Some(&Value::Bool(false)))
    };
    body.len() <= BODY_LIMIT && serde_json::from_slice(body).ok().and_then(requested) == Some(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn image_request_is_detected_in_unvalidated_body() {
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
