//! `GET /images/batch/{batchId}/status`: the status of a batch and of its jobs.

use domain::Error;
use domain::jobs::{BatchStore, JobStore};
use edge::api::images::batch_response::BatchStatusResponse;
use edge::http::{Answer, Request};
use http::StatusCode;

pub struct Deps<'a> {
    pub batches: &'a dyn BatchStore,
    pub jobs: &'a dyn JobStore,
    /// The base URL of images, without a trailing slash.
    pub images_url: String,
}

/// Answers one request with one read of the batch and one read of all its jobs.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
/// A batch of another client or user is [`Error::NotFound`], the same as one that does not exist.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let batch = app::jobs::ownership::batch(deps.batches, caller, request.path_parameter("batchId")).await?;
    let rows = deps.jobs.load_many(&batch.job_ids()).await?;
    // The batch was read first: a job that has no row now had none then, so the batch's row describes it.
    let jobs =
        (0..batch.total).zip(rows).filter_map(|(index, row)| row.or_else(|| batch.unwritten_job(index)));
    let jobs: Vec<_> = jobs.collect();
    Answer::json(StatusCode::OK, &BatchStatusResponse::new(&batch, &jobs, &deps.images_url))
}
