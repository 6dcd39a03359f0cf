//! `GET /images/status/{jobId}`: how a job stands, or how it stands when it ends.

mod wait;

use domain::Error;
use domain::access::LongPollStore;
use domain::jobs::{BatchStore, JobStore};
use edge::api::images::job_response::JobStatusResponse;
use edge::http::prefer::PREFERENCE_APPLIED;
use edge::http::{Answer, Request, etag, prefer};
use lambda_http::http::{StatusCode, header};

/// What the endpoint needs.
pub struct Deps<'a> {
    /// Where batches are kept, which tell of their jobs until these have rows.
    pub batches: &'a dyn BatchStore,
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
    /// Which waits callers hold open.
    pub long_polls: &'a dyn LongPollStore,
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
    let id = request.path_parameter("jobId");
    let mut job = app::jobs::ownership::job(deps.jobs, deps.batches, caller, id).await?;
    let mut applied = None;
    if let Some(time) = prefer::wait(&request.headers)
        && let Some(waited) = wait::for_end(deps, &request, job.clone(), time).await?
    {
        job = waited;
        applied = Some(format!("wait={}", time.as_secs()));
    }
    let mut answer = Answer::json(StatusCode::OK, &JobStatusResponse::new(&job, &deps.images_url))?
        // A browser may keep it, but asks each time whether it is still so.
        .with(header::CACHE_CONTROL, "private, no-cache");
    if let Some(applied) = applied {
        answer = answer.with(PREFERENCE_APPLIED, &applied);
    }
    Ok(etag::conditional(answer, &request.headers))
}
