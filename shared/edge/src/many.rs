//! Answers about many jobs: batches and lists.

use std::collections::BTreeMap;

use domain::{Batch, BatchId, Job, JobId, JobStatus};
use schemars::JsonSchema;
use serde::Serialize;

use crate::API;
use crate::wire::{JobResponse, JobStatusResponse};

/// An answer that Lambda can give has 6 MB. All else of a hundred jobs is bounded and fits; what a
/// provider made of their prompts is left out where it takes more than this, and stands in the answer
/// about each job alone.
const REVISED_PROMPTS: usize = 1_000_000;

/// The path at which a batch's state is asked for.
#[must_use]
pub fn batch_status_url(batch: BatchId) -> String {
    format!("{API}/images/batch/{batch}/status")
}

/// The answer to an accepted batch.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The batch's id.
    batch_id: BatchId,
    /// In the order in which they were asked for.
    jobs: Vec<JobResponse>,
    /// How many they are.
    total_jobs: u8,
    /// Where the state of all is asked for: a path from the root.
    status_url: String,
}

impl BatchResponse {
    /// The batch, and its jobs in the order in which they were asked for.
    #[must_use]
    pub fn new(batch: &Batch, jobs: &[Job]) -> Self {
        Self {
            batch_id: batch.id,
            jobs: jobs.iter().map(JobResponse::from).collect(),
            total_jobs: batch.total,
            status_url: batch_status_url(batch.id),
        }
    }
}

/// How a batch stands.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchStatusResponse {
    /// The batch's id.
    batch_id: BatchId,
    /// How many jobs it has.
    total_jobs: u8,
    /// How many of them stand so, for every status.
    counts: BTreeMap<&'static str, usize>,
    /// In the order in which they were asked for.
    jobs: Vec<JobStatusResponse>,
}

impl BatchStatusResponse {
    /// The batch, and its jobs in the order in which they were asked for. Every status is counted, so
    /// that nobody must know that a missing one means none.
    #[must_use]
    pub fn new(batch: &Batch, jobs: &[Job], images_url: &str) -> Self {
        let count = |status: JobStatus| jobs.iter().filter(|job| job.status == status).count();
        Self {
            batch_id: batch.id,
            total_jobs: batch.total,
            counts: JobStatus::ALL.into_iter().map(|status| (status.as_str(), count(status))).collect(),
            jobs: states(jobs, images_url),
        }
    }
}

/// Some of a caller's jobs.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobListResponse {
    /// The newest first.
    jobs: Vec<JobStatusResponse>,
    /// Where the next page begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl JobListResponse {
    /// The jobs in this order, and the job after which the next page begins.
    #[must_use]
    pub fn new(jobs: &[Job], next: Option<JobId>, images_url: &str) -> Self {
        Self { jobs: states(jobs, images_url), next_cursor: next.map(crate::list::cursor) }
    }
}

fn states(jobs: &[Job], images_url: &str) -> Vec<JobStatusResponse> {
    let images = jobs.iter().flat_map(|job| &job.result).flat_map(|result| &result.images);
    let revised = images.filter_map(|image| image.origin.revised_prompt.as_ref());
    let too_long = revised.map(String::len).sum::<usize>() > REVISED_PROMPTS;
    let state = |job: &Job| {
        let state = JobStatusResponse::new(job, images_url);
        if too_long { state.without_revised_prompts() } else { state }
    };
    jobs.iter().map(state).collect()
}
