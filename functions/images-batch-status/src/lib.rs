//! `GET /images/batch/{batchId}/status`: how a batch stands.

use domain::Error;
use domain::jobs::{BatchStore, JobStore};
use edge::api::images::batch_response::BatchStatusResponse;
use edge::http::{Answer, Request};
use lambda_http::http::StatusCode;

/// What the endpoint needs.
pub struct Deps<'a> {
    /// Where batches are kept.
    pub batches: &'a dyn BatchStore,
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
    /// Where images are served, without a slash at the end.
    pub images_url: String,
}

/// Answers one request, by one read of the batch and one of all its jobs.
///
/// # Errors
///
/// As the API's contract has them. A batch of somebody else is as little there as one that never was.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let batch = app::jobs::ownership::batch(deps.batches, caller, request.path_parameter("batchId")).await?;
    let rows = deps.jobs.load_many(&batch.job_ids()).await?;
    // The batch was read first: a job without a row now had none then, and the batch tells of it.
    let jobs =
        (0..batch.total).zip(rows).filter_map(|(index, row)| row.or_else(|| batch.unwritten_job(index)));
    let jobs: Vec<_> = jobs.collect();
    Answer::json(StatusCode::OK, &BatchStatusResponse::new(&batch, &jobs, &deps.images_url))
}
