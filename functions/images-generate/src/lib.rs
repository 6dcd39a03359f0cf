//! `POST /images/generate`: accepts an image job.

use app::jobs::enqueue::enqueue;
use domain::access::IdempotencyStore;
use domain::jobs::{EstimateStore, JobPolicy, JobQueue, JobStore, WebhookEvent, WebhookUrlPolicy};
use domain::{Error, Job, JobId};
use edge::api::images::job_response::{JobResponse, status_url};
use edge::http::idempotency::once;
use edge::http::{Answer, Request};
use http::{StatusCode, header};
use tracing::info;

pub struct Deps<'a> {
    pub jobs: &'a dyn JobStore,
    pub idempotency: &'a dyn IdempotencyStore,
    pub estimates: &'a dyn EstimateStore,
    pub queue: &'a dyn JobQueue,
    pub policy: JobPolicy,
    pub webhook_url_policy: WebhookUrlPolicy,
}

/// Answers one request. The job is accepted once its row is written, even if a later step fails.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let wanted = request
        .with_header_faults(edge::api::images::generate::parse(&request.body, deps.webhook_url_policy))?;
    caller.require_user(wanted.user)?;
    once(deps.idempotency, &request, async |seed| {
        let id = JobId::from_uuid(seed);
        let client = caller.client.clone();
        let mut job = Job::accept(id, wanted, client, request.trace_id, request.now, &deps.policy);
        job.set_estimate(app::jobs::estimate::estimated_duration(deps.estimates, &job.picture).await);
        let delivery = job.delivery(WebhookEvent::Queued, request.now);
        match deps.jobs.save(&mut job, delivery.as_ref()).await {
            Ok(()) => enqueue(deps.queue, deps.jobs, &mut job, request.now).await,
            // Either an earlier run of this same request wrote the row and then crashed, or this run wrote
            // it and the store's answer was lost. If the row exists, the job is accepted; if its message was
            // never sent, the sweeper sends it.
            Err(error) => match deps.jobs.load(id).await {
                Ok(Some(accepted)) => job = accepted,
                Ok(None) | Err(_) => return Err(error.into()),
            },
        }
        info!(jobId = %id, client = %job.client_id, status = job.status.as_str(), "job accepted");
        let answer = Answer::json(StatusCode::ACCEPTED, &JobResponse::from(&job))?;
        Ok(answer.with(header::LOCATION, &status_url(id)))
    })
    .await
}
