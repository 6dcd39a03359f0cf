//! Responses about batches.

use std::collections::BTreeMap;

use domain::{Batch, BatchId, Job, JobStatus};
use schemars::JsonSchema;
use serde::Serialize;

use crate::API;
use crate::api::images::job_response::states;
use crate::api::images::job_response::{JobResponse, JobStatusResponse};

/// Returns the path of `GET /images/batch/{batchId}/status` for this batch.
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
    /// Creates the response. `jobs` must be in the order of the request.
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
    /// Creates the response. `jobs` must be in the order of the request. Statuses without jobs are listed
    /// with 0, so that a client need not handle missing ones.
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
