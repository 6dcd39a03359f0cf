//! `GET /images/status/{jobId}`: how a job stands.

use domain::access::Scope;
use domain::error::Missing;
use domain::ports::{JobStore, KeyStore};
use domain::{Error, JobId};
use edge::auth::authenticate;
use edge::http::{Answer, Request};
use edge::wire::JobStatusResponse;
use lambda_http::http::StatusCode;

/// What its path takes.
pub const METHODS: &[&str] = &["GET"];

/// What the endpoint needs.
pub struct Deps<'a> {
    /// Who may call.
    pub keys: &'a dyn KeyStore,
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
    let caller = authenticate(&request.headers, deps.keys, request.now).await?;
    caller.require(Scope::ImagesRead)?;
    let missing = || Error::NotFound(Missing::Job);
    let id: JobId = request.path_parameter("jobId").and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let job = deps.jobs.load(id).await?.ok_or_else(missing)?;
    if job.client_id != caller.client || !caller.acts_for(job.user_id) {
        return Err(missing());
    }
    Answer::json(StatusCode::OK, &JobStatusResponse::new(&job, &deps.images_url))
}
