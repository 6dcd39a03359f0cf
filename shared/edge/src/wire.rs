//! What leaves us as JSON: the answers of the API and the bodies of webhooks.

use domain::delivery::{Delivery, Snapshot, WebhookEvent};
use domain::id::ImageId;
use domain::image::{ImageFormat, StoredImage};
use domain::job::{FailureReason, JobError, JobResult};
use domain::provider::ContentWarning;
use domain::request::{Metadata, Priority, Size, Word as _};
use domain::{BatchId, Job, JobId, JobStatus, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::API;

pub(crate) fn rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn rfc3339_or_none<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// The path at which a job's state is asked for.
#[must_use]
pub fn status_url(job: JobId) -> String {
    format!("{API}/images/status/{job}")
}

/// The answer to an accepted job.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobResponse {
    job_id: JobId,
    status: JobStatus,
    #[serde(serialize_with = "rfc3339")]
    created_at: Timestamp,
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    estimated_completion_time: Option<Timestamp>,
    priority: Priority,
    status_url: String,
    cancel_url: String,
}

impl From<&Job> for JobResponse {
    fn from(job: &Job) -> Self {
        Self {
            job_id: job.id,
            status: job.status,
            created_at: job.created_at,
            estimated_completion_time: estimate(job),
            priority: job.priority,
            status_url: status_url(job.id),
            cancel_url: format!("{API}/images/cancel/{}", job.id),
        }
    }
}

/// How a job stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobStatusResponse {
    job_id: JobId,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<BatchId>,
    status: JobStatus,
    progress: u8,
    #[serde(serialize_with = "rfc3339")]
    created_at: Timestamp,
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    completed_at: Option<Timestamp>,
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    estimated_completion_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
}

impl JobStatusResponse {
    /// The state of `job`, its images served below `images_url`.
    #[must_use]
    pub fn new(job: &Job, images_url: &str) -> Self {
        Self {
            job_id: job.id,
            batch_id: job.batch_id,
            status: job.status,
            progress: job.progress,
            created_at: job.created_at,
            started_at: job.started_at,
            completed_at: job.completed_at,
            estimated_completion_time: estimate(job),
            provider: job.result.as_ref().map(|result| result.provider.clone()),
            attempts: job.attempts,
            result: job
                .result
                .as_ref()
                .map(|result| ResultBody::new(result, job.images_expire_at, images_url)),
            error: job.error.as_ref().map(ErrorBody::from),
            metadata: raw(job.metadata.as_ref()),
        }
    }
}

/// When the job will probably be done. Once that has passed it is no estimate any more.
fn estimate(job: &Job) -> Option<Timestamp> {
    job.expected_at.filter(|at| !job.status.ended() && *at > Timestamp::now())
}

fn raw(metadata: Option<&Metadata>) -> Option<Box<RawValue>> {
    // It was JSON when it came in; a row that holds anything else gives nothing rather than a broken answer.
    metadata.and_then(|metadata| RawValue::from_string(metadata.json().to_owned()).ok())
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultBody {
    images: Vec<ImageBody>,
    provider: String,
    total_cost: f64,
    processing_time: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    content_warnings: Vec<ContentWarning>,
}

impl ResultBody {
    fn new(result: &JobResult, expires_at: Timestamp, images_url: &str) -> Self {
        Self {
            images: result.images.iter().map(|image| ImageBody::new(image, expires_at, images_url)).collect(),
            provider: result.provider.clone(),
            total_cost: result.cost_micros as f64 / 1e6,
            processing_time: result.processing_millis,
            content_warnings: result.warnings.clone(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageBody {
    id: ImageId,
    url: String,
    thumbnail_url: String,
    size: String,
    format: ImageFormat,
    width: u32,
    height: u32,
    size_bytes: u64,
    hash: String,
    #[serde(serialize_with = "rfc3339")]
    expires_at: Timestamp,
    metadata: ImageMetadata,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageMetadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    revised_prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    model: String,
}

impl ImageBody {
    fn new(image: &StoredImage, expires_at: Timestamp, images_url: &str) -> Self {
        let size = Size::ALL.iter().find(|size| size.pixels() == (image.width, image.height));
        Self {
            id: image.id,
            url: format!("{images_url}/{}", image.key),
            thumbnail_url: format!("{images_url}/{}", image.thumbnail_key),
            size: size
                .map_or_else(|| format!("{}x{}", image.width, image.height), |size| size.as_str().to_owned()),
            format: image.format,
            width: image.width,
            height: image.height,
            size_bytes: image.size_bytes,
            hash: image.sha256.clone(),
            expires_at,
            metadata: ImageMetadata {
                revised_prompt: image.origin.revised_prompt.clone(),
                seed: image.origin.seed,
                model: image.origin.model.clone(),
            },
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    code: &'static str,
    message: String,
    details: ErrorDetails,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorDetails {
    reason: FailureReason,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    content_warnings: Vec<ContentWarning>,
}

impl From<&JobError> for ErrorBody {
    fn from(error: &JobError) -> Self {
        Self {
            code: "GENERATION_FAILED",
            message: error.message.clone(),
            details: ErrorDetails { reason: error.reason, content_warnings: error.warnings.clone() },
            retryable: error.retryable,
            retry_after: error.retry_after_seconds,
        }
    }
}

#[derive(Serialize)]
struct WebhookBody {
    event: &'static str,
    #[serde(serialize_with = "rfc3339")]
    timestamp: Timestamp,
    data: WebhookData,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookData {
    job_id: JobId,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<BatchId>,
    status: JobStatus,
    progress: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
}

/// The body of a webhook: the same bytes for every try at it.
///
/// # Errors
///
/// None in practice: every value has a JSON form.
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
