//! `GET /images/jobs`: lists the caller's jobs, newest first.

use domain::Error;
use domain::jobs::{JobFilter, JobList, JobStore};
use edge::api::images::list::JobListResponse;
use edge::http::{Answer, Request};
use http::StatusCode;

pub struct Deps<'a> {
    /// The index that pages come from. It can lag behind `jobs`.
    pub list: &'a dyn JobList,
    pub jobs: &'a dyn JobStore,
    /// The base URL of images, without a trailing slash.
    pub images_url: String,
}

/// Answers one request. A token of a user lists only that user's jobs, with or without `userId`.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let wanted = edge::api::images::list::parse(|name| request.query(name))?;
    if let Some(user) = wanted.user {
        caller.require_user(user)?;
    }
    let user = wanted.user.or(caller.user);
    let filter = JobFilter { client: caller.client.clone(), user, status: wanted.status };
    let page = deps.list.list_jobs(&filter, wanted.after, wanted.limit).await?;
    let mut jobs: Vec<_> = deps.jobs.load_many(&page.ids).await?.into_iter().flatten().collect();
    // The rows are newer than the index: a job whose status has changed since no longer matches the filter.
    jobs.retain(|job| wanted.status.is_none_or(|status| status == job.status));
    Answer::json(StatusCode::OK, &JobListResponse::new(&jobs, page.next, &deps.images_url))
}
