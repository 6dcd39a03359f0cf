//! Replies that come as an event stream although they were not asked for as one.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::reading::events;

/// The body as one answer, put together from the events of a stream; any other body as it is.
pub(super) fn as_answer(body: Bytes) -> Bytes {
    let Some(events) = events(&body) else { return body };
    let (mut said, mut refused, mut finish) = (String::new(), String::new(), Value::Null);
    let mut any = false;
    for event in &events {
        let Ok(event) = serde_json::from_slice::<Value>(event) else { continue };
        let choice = &event["choices"][0];
        for part in [&choice["delta"], &choice["message"]].into_iter().filter(|part| part.is_object()) {
            any = true;
            said += part["content"].as_str().unwrap_or_default();
            refused += part["refusal"].as_str().unwrap_or_default();
        }
        if choice["finish_reason"].is_string() {
            finish = choice["finish_reason"].clone();
        }
    }
    if !any {
        // The last event may hold an error.
        return events.into_iter().next_back().unwrap_or_default();
    }
    let message = json!({"content": said, "refusal": refused});
    json!({"choices": [{"message": message, "finish_reason": finish}]}).to_string().into()
}
