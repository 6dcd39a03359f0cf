//! `GET /images/status/{jobId}`: how a job stands.

use domain::error::Missing;
use domain::ports::JobStore;
use domain::{Error, JobId};
use edge::http::{Answer, Request};
use edge::wire::JobStatusResponse;
use lambda_http::http::StatusCode;

/// What the endpoint needs.
pub struct Deps<'a> {
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
    /// Where images are served, without a slash at the end.
    pub images_url: String,
}

/// Answers one request.
///
/// # Errors
///
/// As the API's contract has them. A job of somebody else is as little there as one that never was.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let missing = || Error::NotFound(Missing::Job);
    let id: JobId = request.path_parameter("jobId").and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let job = deps.jobs.load(id).await?.ok_or_else(missing)?;
    if job.client_id != caller.client || !caller.acts_for(job.user_id) {
        return Err(missing());
    }
    Answer::json(StatusCode::OK, &JobStatusResponse::new(&job, &deps.images_url))
}
