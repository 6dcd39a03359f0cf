//! The callback to the `webhookUrl` of a job.

use serde_json::{Value, json};

use super::examples::example_result;
use super::parts::parameter;
use super::schemas::Schemas;
use crate::api::webhooks::payload::WebhookBody;

const ABOUT: &str = "\
One POST for each event of a job that `webhookEvents` names, signed by the Standard Webhooks scheme with the \
client's `whsec_…` secret. 2xx within 15 seconds is success and nothing else is: a redirect is a failure and \
is not followed. Later attempts come 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h after one \
another. Events of one job may arrive out of order or twice.";

/// Returns the callback of an operation. `place` is the JSON pointer of the webhook URL in its body.
pub(super) fn callback(place: &str) -> Value {
    json!({format!("{{$request.body#{place}}}"): {"post": {
        "tags": ["Images"],
        "summary": "A job tells of itself",
        "description": ABOUT,
        "security": [],
        "parameters": HEADERS.map(parameter),
        "requestBody": {"$ref": "#/components/requestBodies/JobEvent"},
        "responses": {
            "2XX": {"description": "The receiver has it: there is no further attempt."},
            "410": {"description": "The receiver wants it no more: there is no further attempt."},
            "429": {"description": "The receiver is busy: `Retry-After` is obeyed, as it is with 503."},
            "default": {"description": "A failure: there is another attempt, until there were ten."},
        },
    }}})
}

/// The request headers of a webhook.
pub(super) const HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

/// Returns the request bodies of webhooks.
pub(super) fn bodies(schemas: &mut Schemas) -> Value {
    let example = json!({
        "event": "job.completed",
        "timestamp": "2026-10-01T12:00:04.200Z",
        "data": {
            "jobId": "0190b8a0-0000-7000-8000-000000000002",
            "status": "completed",
            "progress": 100,
            "result": example_result(),
            "metadata": {"order": 4711},
        },
    });
    let content = json!({"schema": schemas.answer::<WebhookBody>(), "example": example});
    json!({"JobEvent": {"required": true, "content": {"application/json": content}}})
}
