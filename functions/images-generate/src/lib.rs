//! `POST /images/generate`: accepts an image job.

use std::time::Duration;

use domain::access::Scope;
use domain::delivery::WebhookEvent;
use domain::job::JobPolicy;
use domain::ports::{JobMessage, JobQueue, JobStore, KeyStore};
use domain::request::WebhookReach;
use domain::{Error, Job, JobId};
use edge::auth::authenticate;
use edge::http::{Answer, Request};
use edge::wire::{JobResponse, status_url};
use lambda_http::http::{StatusCode, header};
use tracing::{info, warn};

/// What its path takes.
pub const METHODS: &[&str] = &["POST"];

/// What the endpoint needs.
pub struct Deps<'a> {
    /// Who may call.
    pub keys: &'a dyn KeyStore,
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
    /// What wakes the worker.
    pub queue: &'a dyn JobQueue,
    /// How jobs live.
    pub policy: JobPolicy,
    /// Where webhooks may go.
    pub webhook_reach: WebhookReach,
}

/// Answers one request. Once the job's row is written the job is accepted, whatever happens after.
///
/// # Errors
///
/// As the API's contract has them.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = authenticate(&request.headers, deps.keys, request.now).await?;
    caller.require(Scope::ImagesWrite)?;
    let wanted = edge::generate::parse(&request.body, deps.webhook_reach)?;
    if !caller.acts_for(wanted.user) {
        return Err(Error::Forbidden("the credential does not act for this userId"));
    }

    let mut job = Job::accept(wanted, caller.client, request.trace_id, request.now, &deps.policy);
    let owed = job.delivery(WebhookEvent::Queued, request.now);
    deps.jobs.save(&mut job, owed.as_ref()).await?;
    send(deps, &mut job, &request).await;

    info!(jobId = %job.id, client = %job.client_id, status = job.status.as_str(), "job accepted");
    let id: JobId = job.id;
    Ok(Answer::json(StatusCode::ACCEPTED, &JobResponse::from(&job))?.with(header::LOCATION, &status_url(id)))
}

async fn send(deps: &Deps<'_>, job: &mut Job, request: &Request) {
    let message = JobMessage::about(job);
    let Err(error) = deps.queue.send(&message, job.priority, &job.client_id, Duration::ZERO).await else {
        return;
    };
    warn!(jobId = %job.id, %error, "the queue did not take the job's message; the sweeper will send it");
    // Only brings the sweeper sooner: the row was due from the start.
    if job.message_lost(request.now).is_ok()
        && let Err(error) = deps.jobs.save(job, None).await
    {
        warn!(jobId = %job.id, %error, "the job could not be marked as pending");
    }
}
