//! Operations of webhooks: attempts, redelivery, disabled URLs and the signing secret.

use domain::jobs::WebhookUrlPolicy::HttpsOnly;
use serde_json::{Value, json};

use super::bodies::{EnableBody, RangeBody, SecretRotateBody};
use super::operation::{Answer, Operation};
use super::parts::WEBHOOK;
use super::problems::Problem;
use super::schemas::Schemas;
use crate::api::webhooks::attempts::{Attempts, Disabled, RangeRedelivered, Redelivered};
use crate::api::webhooks::secret::WebhookSecret;
use crate::http::routes::Route;

pub(super) fn operation(route: &Route, schemas: &mut Schemas) -> Option<Operation> {
    Some(match (route.method, route.path) {
        ("GET", "/images/status/{jobId}/webhooks") => list(schemas),
        ("POST", "/images/status/{jobId}/webhooks/{webhookId}/redeliver") => redeliver(schemas),
        ("POST", "/webhooks/redeliver") => range(schemas),
        ("POST", "/webhooks/enable") => enable(schemas),
        ("GET", "/webhooks/disabled") => disabled(schemas),
        ("GET", "/admin/webhook-secret") => secret(schemas),
        ("POST", "/admin/webhook-secret/rotate") => rotate(schemas),
        _ => return None,
    })
}

fn list(schemas: &mut Schemas) -> Operation {
    let failed = json!({
        "webhookId": WEBHOOK, "event": "job.completed", "attempt": 1, "at": "2026-10-01T12:00:04.300Z",
        "state": "pending", "duration": 212, "status": 500, "answer": "out of order",
        "nextAttemptAt": "2026-10-01T12:00:09.150Z",
    });
    Operation::new(
        "Webhooks",
        "listWebhookAttempts",
        "See the attempts at a job's webhooks",
        "They are kept for 30 days after the last of them, and never longer than the job.",
    )
    .answers(Answer::json(
        200,
        "The attempts.",
        schemas.answer::<Attempts>(),
        json!({ "attempts": [failed] }),
    ))
    .takes(&["cursor"])
    .refuses(crate::api::webhooks::attempts::parse_page(Some("x"), domain::JobId::new()))
    .fails(&[Problem::Invalid, Problem::JobNotFound])
}

fn redeliver(schemas: &mut Schemas) -> Operation {
    let schema = schemas.answer::<Redelivered>();
    Operation::new(
        "Webhooks",
        "redeliverWebhook",
        "Send a webhook again",
        "With the same `webhook-id`, however it stands, and even if its URL is switched off. All attempts are \
         before it again.",
    )
    .answers(Answer::json(202, "It is on its way.", schema, json!({"webhookId": WEBHOOK})))
    .fails(&[Problem::WebhookNotFound])
}

fn range(schemas: &mut Schemas) -> Operation {
    let body = json!({"since": "2026-10-01T12:00:00Z", "until": "2026-10-01T13:00:00Z", "status": "failed"});
    Operation::new(
        "Webhooks",
        "redeliverWebhooks",
        "Send all webhooks of some time again",
        "Those of the client whose event happened in that time: after a receiver was out of order, those that \
         have `failed`. One request works for some seconds; `nextCursor` in its answer is the `cursor` of the \
         request for the rest. A token cannot ask for it.",
    )
    .body(true, schemas.request::<RangeBody>(), &[("What was lost in an hour", body)])
    .refuses(crate::api::webhooks::attempts::parse_range(
        br#"{"since":"2026-10-01T13:00:00Z","until":"2026-10-01T12:00:00Z"}"#,
    ))
    .answers(Answer::json(
        202,
        "They are on their way.",
        schemas.answer::<RangeRedelivered>(),
        json!({"count": 42}),
    ))
}

fn url() -> Value {
    json!("https://example.com/hooks/images")
}

fn enable(schemas: &mut Schemas) -> Operation {
    Operation::new(
        "Webhooks",
        "enableWebhookUrl",
        "Switch a URL on again",
        "A URL whose every attempt has failed for five days is switched off for its client: its webhooks are kept, \
         and one a day is tried. The first success switches it on again, and so does this. The webhooks that were \
         kept go out within a minute. A token cannot ask for it.",
    )
    .body(true, schemas.request::<EnableBody>(), &[("One of ours", json!({"url": url()}))])
    .refuses(crate::api::webhooks::attempts::parse_enable(br#"{"url":"http://example.com/"}"#, HttpsOnly))
    .answers(Answer::empty(204, "It is on."))
}

fn disabled(schemas: &mut Schemas) -> Operation {
    let example = json!({
        "url": url(), "offSince": "2026-10-06T12:00:04.300Z", "failingSince": "2026-10-01T12:00:04.300Z",
        "nextAttemptAt": "2026-10-07T12:00:04.300Z",
    });
    Operation::new(
        "Webhooks",
        "listDisabledWebhookUrls",
        "See the URLs that are switched off",
        "Those of the client. A token cannot ask for them.",
    )
    .answers(Answer::json(200, "The URLs.", schemas.answer::<Disabled>(), json!({ "urls": [example] })))
}

fn example_secret(previous_until: Option<&str>) -> Value {
    let mut secret =
        json!({"clientId": "acme", "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="});
    if let Some(until) = previous_until {
        secret["previousUntil"] = json!(until);
    }
    secret
}

fn secret(schemas: &mut Schemas) -> Operation {
    Operation::new(
        "Webhooks",
        "getWebhookSecret",
        "See the client's webhook secret",
        "What its webhooks are signed with, as the Standard Webhooks libraries take it. A token cannot see it.",
    )
    .answers(Answer::json(200, "The secret.", schemas.answer::<WebhookSecret>(), example_secret(None)))
}

fn rotate(schemas: &mut Schemas) -> Operation {
    let example = example_secret(Some("2026-10-02T12:00:00.000Z"));
    Operation::new(
        "Webhooks",
        "rotateWebhookSecret",
        "Replace the client's webhook secret",
        "For `overlapSeconds`, a day unless said, both sign: `webhook-signature` then has two values, and a receiver \
         that knows either secret accepts.",
    )
    .refuses(crate::api::webhooks::secret::parse_rotate(br#"{"overlapSeconds":-1}"#))
    .body(false, schemas.request::<SecretRotateBody>(), &[("An hour to change it", json!({"overlapSeconds": 3600}))])
    .answers(Answer::json(201, "The new secret.", schemas.answer::<WebhookSecret>(), example))
}
