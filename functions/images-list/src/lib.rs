//! `GET /images/jobs`: the caller's jobs, the newest first.

use domain::Error;
use domain::jobs::{JobFilter, JobList, JobStore};
use edge::api::images::list::JobListResponse;
use edge::http::{Answer, Request};
use lambda_http::http::StatusCode;

/// What the endpoint needs.
pub struct Deps<'a> {
    /// Which jobs there are.
    pub list: &'a dyn JobList,
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
    /// Where images are served, without a slash at the end.
    pub images_url: String,
}

/// Answers one request. A user's own token lists that user's jobs, whether it says so or not.
///
/// # Errors
///
/// As the API's contract has them.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let wanted = edge::api::images::list::parse(|name| request.query(name))?;
    if wanted.user.is_some_and(|user| !caller.acts_for(user)) {
        return Err(Error::Forbidden("the credential does not act for this userId"));
    }
    let user = wanted.user.or(caller.user);
    let filter = JobFilter { client: caller.client.clone(), user, status: wanted.status };
    let page = deps.list.list_jobs(&filter, wanted.after, wanted.limit).await?;
    let mut jobs: Vec<_> = deps.jobs.load_many(&page.ids).await?.into_iter().flatten().collect();
    // The rows are newer than the index: what has moved on is not what was asked for.
    jobs.retain(|job| wanted.status.is_none_or(|status| status == job.status));
    Answer::json(StatusCode::OK, &JobListResponse::new(&jobs, page.next, &deps.images_url))
}
