//! `GET /images/status/{jobId}`: the status of a job, now or when it ends (`Prefer: wait=N`).

mod wait;

use domain::Error;
use domain::access::LongPollStore;
use domain::jobs::{BatchStore, JobStore};
use edge::api::images::job_response::JobStatusResponse;
use edge::http::prefer::PREFERENCE_APPLIED;
use edge::http::{Answer, Request, etag, prefer};
use http::{StatusCode, header};

pub struct Deps<'a> {
    /// A batch's row also describes those of its jobs that have no row yet.
    pub batches: &'a dyn BatchStore,
    pub jobs: &'a dyn JobStore,
    /// Limits how many requests of a caller wait at the same time.
    pub long_polls: &'a dyn LongPollStore,
    /// How many requests of all callers wait at the same time: each occupies an execution of the account.
    pub max_long_polls: usize,
    /// The base URL of images, without a trailing slash.
    pub images_url: String,
}

/// Answers one request.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
/// A job of another client or user is [`Error::NotFound`], the same as one that does not exist.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let id = request.path_parameter("jobId");
    let mut job = app::jobs::ownership::job(deps.jobs, deps.batches, caller, id).await?;
    let mut applied = None;
    if let Some(time) = prefer::wait(&request.headers)
        && let Some(latest) = wait::for_end(deps, &request, job.clone(), time).await?
    {
        job = latest;
        applied = Some(format!("wait={}", time.as_secs()));
    }
    let mut answer = Answer::json(StatusCode::OK, &JobStatusResponse::new(&job, &deps.images_url))?
        // A browser may store the answer, but must revalidate it each time.
        .with(header::CACHE_CONTROL, "private, no-cache");
    if let Some(applied) = applied {
        answer = answer.with(PREFERENCE_APPLIED, &applied);
    }
    Ok(etag::conditional(answer, &request.headers))
}
