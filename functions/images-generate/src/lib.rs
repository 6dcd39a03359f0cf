//! `POST /images/generate`: accepts an image job.

use app::jobs::enqueue::enqueue;
use domain::access::IdempotencyStore;
use domain::jobs::{EstimateStore, JobPolicy, JobQueue, JobStore, WebhookEvent, WebhookUrlPolicy};
use domain::{Error, Job, JobId};
use edge::api::images::job_response::{JobResponse, status_url};
use edge::http::idempotency::once;
use edge::http::{Answer, Request};
use lambda_http::http::{StatusCode, header};
use tracing::info;

/// What the endpoint needs.
pub struct Deps<'a> {
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
    /// Which `Idempotency-Key`s were used.
    pub idempotency: &'a dyn IdempotencyStore,
    /// How long jobs take.
    pub estimates: &'a dyn EstimateStore,
    /// What wakes the worker.
    pub queue: &'a dyn JobQueue,
    /// How jobs live.
    pub policy: JobPolicy,
    /// Where webhooks may go.
    pub webhook_url_policy: WebhookUrlPolicy,
}

/// Answers one request. Once the job's row is written the job is accepted, whatever happens after.
///
/// # Errors
///
/// As the API's contract has them.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let wanted = request
        .with_header_faults(edge::api::images::generate::parse(&request.body, deps.webhook_url_policy))?;
    if !caller.acts_for(wanted.user) {
        return Err(Error::Forbidden("the credential does not act for this userId"));
    }
    once(deps.idempotency, &request, async |seed| {
        let id = JobId::from_uuid(seed);
        let client = caller.client.clone();
        let mut job = Job::accept(id, wanted, client, request.trace_id, request.now, &deps.policy);
        job.set_estimate(app::jobs::estimate::estimated_duration(deps.estimates, &job.picture).await);
        let owed = job.delivery(WebhookEvent::Queued, request.now);
        match deps.jobs.save(&mut job, owed.as_ref()).await {
            Ok(()) => enqueue(deps.queue, deps.jobs, &mut job, request.now).await,
            // Either an earlier run of this very request wrote the row and died after it, or this one
            // wrote it and the answer was lost. If the row is there the job is accepted; its message,
            // if it never went, is the sweeper's to send.
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
