//! The JSON of jobs, in responses of the API and in bodies of webhooks.
//!
//! The doc comments on these types and their fields are the descriptions in the OpenAPI document.

use std::collections::BTreeMap;

use domain::images::{ContentWarning, ImageFormat, Size, StoredImage};
use domain::jobs::{
    AttemptFailure, FailureReason, JobError, JobResult, Metadata, ProviderAttempt, WaitingFor,
};
use domain::primitives::{ImageId, NamedValue as _, Priority};
use domain::providers::{Reason, WaitReason};
use domain::{BatchId, Job, JobId, JobStatus, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::API;
use crate::api::time::{Rfc3339, rfc3339, rfc3339_or_none};

/// Returns the path of `GET /images/status/{jobId}` for this job.
#[must_use]
pub fn status_url(job: JobId) -> String {
    format!("{API}/images/status/{job}")
}

/// The answer to an accepted job.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobResponse {
    /// The job's id.
    job_id: JobId,
    status: JobStatus,
    /// When the job was accepted.
    #[serde(serialize_with = "rfc3339")]
    #[schemars(with = "Rfc3339")]
    created_at: Timestamp,
    /// When it should be done, by what its provider's last jobs took.
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    estimated_completion_time: Option<Timestamp>,
    priority: Priority,
    /// Where its state is asked for: a path from the root.
    status_url: String,
    /// What `DELETE` cancels it: a path from the root.
    cancel_url: String,
}

impl From<&Job> for JobResponse {
    /// Returns the job as it was when it was accepted, whatever its status is now: a request that is repeated
    /// with its `Idempotency-Key` gets the response that the first request got or should have got.
    fn from(job: &Job) -> Self {
        let status = match job.status {
            JobStatus::Pending => JobStatus::Pending,
            JobStatus::Queued
            | JobStatus::Processing
            | JobStatus::Completed
            | JobStatus::Failed
            | JobStatus::Cancelled => JobStatus::Queued,
        };
        Self {
            job_id: job.id,
            status,
            created_at: job.created_at,
            estimated_completion_time: job.estimated_completion_at,
            priority: job.priority,
            status_url: status_url(job.id),
            cancel_url: format!("{API}/images/cancel/{}", job.id),
        }
    }
}

/// How a job stands.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobStatusResponse {
    /// The job's id.
    job_id: JobId,
    /// The batch that it belongs to, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<BatchId>,
    status: JobStatus,
    /// How far it is, in per cent.
    #[schemars(range(max = 100))]
    progress: u8,
    /// When it was accepted.
    #[serde(serialize_with = "rfc3339")]
    #[schemars(with = "Rfc3339")]
    created_at: Timestamp,
    /// When a worker took it up for the first time.
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    started_at: Option<Timestamp>,
    /// When it ended, however it did.
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    completed_at: Option<Timestamp>,
    /// When it should be done, by what its provider's last jobs took.
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    estimated_completion_time: Option<Timestamp>,
    /// Who made its images.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// How often a provider was asked for its images.
    attempts: u32,
    /// Who was asked without success, the last ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tried: Vec<TriedBody>,
    /// Why it is not being worked at, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<WaitingForBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultBody>,
    /// Why it failed, or, beside `result`, why some of its images are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
    /// What the caller gave with the job, unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    metadata: Option<Box<RawValue>>,
}

impl JobStatusResponse {
    /// Creates the response for `job`, with image URLs below `images_url`.
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
            tried: job.failed_attempts().map(|(attempt, failure)| TriedBody::new(attempt, failure)).collect(),
            waiting_for: job.waiting_for.as_ref().map(WaitingForBody::from),
            result: job
                .result
                .as_ref()
                .map(|result| ResultBody::new(result, job.images_expire_at, images_url)),
            error: job.error.as_ref().map(ErrorBody::from),
            metadata: raw(job.metadata.as_ref()),
        }
    }
}

/// A provider that was asked without success.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Tried")]
struct TriedBody {
    provider: String,
    /// When it was asked.
    #[serde(serialize_with = "rfc3339")]
    #[schemars(with = "Rfc3339")]
    at: Timestamp,
    reason: Reason,
    /// For a person.
    message: String,
}

impl TriedBody {
    fn new(attempt: &ProviderAttempt, failure: &AttemptFailure) -> Self {
        Self {
            provider: attempt.provider.clone(),
            at: attempt.at,
            reason: failure.reason,
            message: failure.message.clone(),
        }
    }
}

/// Why a job that has not ended is not being worked at.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WaitingFor")]
struct WaitingForBody {
    reason: WaitReason,
    /// The provider that it waits for, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// Since when it has waited for this.
    #[serde(serialize_with = "rfc3339")]
    #[schemars(with = "Rfc3339")]
    since: Timestamp,
    /// When it is looked at again.
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    until: Option<Timestamp>,
}

impl From<&WaitingFor> for WaitingForBody {
    fn from(waiting: &WaitingFor) -> Self {
        let WaitingFor { reason, provider, since, until } = waiting.clone();
        Self { reason, provider, since, until }
    }
}

/// Returns the estimated completion time, unless it has passed or the job has ended.
fn estimate(job: &Job) -> Option<Timestamp> {
    job.estimated_completion_at.filter(|at| !job.status.ended() && *at > Timestamp::now())
}

impl JobStatusResponse {
    /// Removes the revised prompts of the images.
    #[must_use]
    pub fn without_revised_prompts(mut self) -> Self {
        for image in self.result.iter_mut().flat_map(|result| &mut result.images) {
            image.metadata.revised_prompt = None;
        }
        self
    }
}

pub(crate) fn raw(metadata: Option<&Metadata>) -> Option<Box<RawValue>> {
    // Validated as JSON when it was received. For a row with anything else, the field is omitted instead of
    // breaking the response.
    metadata.and_then(|metadata| RawValue::from_string(metadata.json().to_owned()).ok())
}

/// What came of a job that completed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JobResult")]
pub(crate) struct ResultBody {
    images: Vec<ImageBody>,
    /// Who made them.
    provider: String,
    /// What they cost, in USD.
    total_cost: f64,
    /// How long they took, in milliseconds.
    processing_time: u64,
    /// What may trouble a viewer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    content_warnings: Vec<ContentWarning>,
}

impl ResultBody {
    pub(crate) fn new(result: &JobResult, expires_at: Timestamp, images_url: &str) -> Self {
        Self {
            images: result.images.iter().map(|image| ImageBody::new(image, expires_at, images_url)).collect(),
            provider: result.provider.clone(),
            total_cost: result.cost_micros as f64 / 1e6,
            processing_time: result.processing_millis,
            content_warnings: result.warnings.clone(),
        }
    }
}

/// One image that was made.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Image")]
struct ImageBody {
    /// The image's id.
    id: ImageId,
    /// Where the image is: a whole URL, good until `expiresAt`.
    url: String,
    /// Where a smaller one is, at most 256 pixels wide and high.
    thumbnail_url: String,
    /// Its width and height in one word, the one that was asked for.
    size: String,
    format: ImageFormat,
    /// In pixels.
    width: u32,
    /// In pixels.
    height: u32,
    /// How many bytes are behind `url`.
    size_bytes: u64,
    /// The SHA-256 of the bytes behind `url`, in hex.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    hash: String,
    /// When it is deleted.
    #[serde(serialize_with = "rfc3339")]
    #[schemars(with = "Rfc3339")]
    expires_at: Timestamp,
    metadata: ImageMetadata,
}

/// How an image was made.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ImageMetadata {
    /// What the provider made of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    revised_prompt: Option<String>,
    /// What the provider can make it again with.
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    /// The model that really made it.
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

/// Why a job failed, or why some of its images are missing.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JobError")]
pub(crate) struct ErrorBody {
    /// `GENERATION_FAILED`, or `PARTIAL_RESULT` if the job completed with the other images.
    code: &'static str,
    /// For a person.
    message: String,
    details: ErrorDetails,
    /// Whether the same job may do better another time.
    retryable: bool,
    /// In how many seconds, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// More about a failure.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JobErrorDetails")]
struct ErrorDetails {
    reason: FailureReason,
    /// How many images are missing, if the job completed with the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<u8>,
    /// What a provider objected to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    content_warnings: Vec<ContentWarning>,
}

impl From<&JobError> for ErrorBody {
    fn from(error: &JobError) -> Self {
        let missing = Some(error.missing).filter(|missing| *missing > 0);
        Self {
            code: if missing.is_some() { "PARTIAL_RESULT" } else { "GENERATION_FAILED" },
            message: error.message.clone(),
            details: ErrorDetails { reason: error.reason, missing, content_warnings: error.warnings.clone() },
            retryable: error.retryable,
            retry_after: error.retry_after_seconds,
        }
    }
}

pub(super) fn states(jobs: &[Job], images_url: &str) -> Vec<JobStatusResponse> {
    let images = jobs.iter().flat_map(|job| &job.result).flat_map(|result| &result.images);
    let revised = images.filter_map(|image| image.origin.revised_prompt.as_ref());
    let too_long = revised.map(String::len).sum::<usize>() > REVISED_PROMPTS;
    let state = |job: &Job| {
        let state = JobStatusResponse::new(job, images_url);
        if too_long { state.without_revised_prompts() } else { state }
    };
    jobs.iter().map(state).collect()
}

/// The maximum length of all revised prompts of a response together, in bytes. A Lambda response has at most
/// 6 MB. All other data of a hundred jobs is bounded and fits. If the revised prompts are longer than this,
/// the response omits them; the status of each single job still has them.
const REVISED_PROMPTS: usize = 1_000_000;
