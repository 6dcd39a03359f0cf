//! The body of a webhook.
//!
//! The doc comments on these types are descriptions in the OpenAPI document.

use std::collections::BTreeMap;

use domain::jobs::WebhookEvent;
use domain::primitives::NamedValue as _;
use domain::webhooks::{Delivery, Snapshot};
use domain::{BatchId, JobId, JobStatus, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::images::job_response::{ErrorBody, ResultBody, raw};
use crate::api::time::{Rfc3339, rfc3339};

/// What is posted to a `webhookUrl`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
pub(crate) struct WebhookBody {
    #[schemars(with = "WebhookEvent")]
    event: &'static str,
    /// When it happened. Events may arrive out of order or twice: this, `status` and the header
    /// `webhook-id` tell.
    #[serde(serialize_with = "rfc3339")]
    #[schemars(with = "Rfc3339")]
    timestamp: Timestamp,
    data: WebhookData,
}

/// How the job stood when it happened.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WebhookData {
    /// The job's id.
    job_id: JobId,
    /// The batch that it belongs to, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<BatchId>,
    status: JobStatus,
    /// How far it is, in per cent.
    #[schemars(range(max = 100))]
    progress: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
    /// What the caller gave with the job, unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    metadata: Option<Box<RawValue>>,
}

/// Serializes the body of a webhook: the same bytes for every attempt.
///
/// # Errors
///
/// Never in practice: every value can be serialized.
pub fn webhook_body(delivery: &Delivery, images_url: &str) -> Result<Vec<u8>, serde_json::Error> {
    let Snapshot { batch_id, status, progress, result, error, metadata, images_expire_at } =
        &delivery.snapshot;
    let event: WebhookEvent = delivery.event;
    serde_json::to_vec(&WebhookBody {
        event: event.as_str(),
        timestamp: delivery.happened_at,
        data: WebhookData {
            job_id: delivery.job_id,
            batch_id: *batch_id,
            status: *status,
            progress: *progress,
            result: result.as_ref().map(|result| ResultBody::new(result, *images_expire_at, images_url)),
            error: error.as_ref().map(ErrorBody::from),
            metadata: raw(metadata.as_ref()),
        },
    })
}
