//! What became of webhooks, and sending them again: `/images/status/{jobId}/webhooks` and `/webhooks`.

mod again;
mod urls;

use domain::error::Missing;
use domain::jobs::{BatchStore, JobStore, WebhookUrlPolicy};
use domain::webhooks::{Delivery, DeliveryList, DeliveryStore, WebhookEndpointStore, WebhookQueue};
use domain::{Error, JobId, WebhookId};
use edge::api::webhooks::attempts::{Attempts, Redelivered};
use edge::http::{Answer, Request};
use lambda_http::http::StatusCode;
use tracing::info;

/// What the endpoints need.
pub struct Deps<'a> {
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
    /// Where batches are kept.
    pub batches: &'a dyn BatchStore,
    /// Where webhooks are kept.
    pub deliveries: &'a dyn DeliveryStore,
    /// What finds them.
    pub list: &'a dyn DeliveryList,
    /// The URLs that are, or were, in trouble.
    pub endpoints: &'a dyn WebhookEndpointStore,
    /// What wakes senders.
    pub queue: &'a dyn WebhookQueue,
    /// Where webhooks may go.
    pub reach: WebhookUrlPolicy,
}

/// Answers one request.
///
/// # Errors
///
/// As the API's contract has them. A job of somebody else is as little there as one that never was.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    match (request.route.method, request.route.path) {
        ("GET", "/images/status/{jobId}/webhooks") => list(deps, &request).await,
        ("POST", "/images/status/{jobId}/webhooks/{webhookId}/redeliver") => redeliver(deps, &request).await,
        ("POST", "/webhooks/redeliver") => again::range(deps, &request).await,
        ("POST", "/webhooks/enable") => urls::enable(deps, &request).await,
        ("GET", "/webhooks/disabled") => urls::disabled(deps, &request).await,
        (method, path) => Err(Error::internal(format!("no endpoint here is {method} {path}"))),
    }
}

async fn list(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    let job = own_job(deps, request).await?;
    let deliveries = deps.list.deliveries_of(job).await?;
    Answer::json(StatusCode::OK, &Attempts::new(&deliveries, request.now))
}

async fn redeliver(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    let missing = || Error::NotFound(Missing::Webhook);
    let job = own_job(deps, request).await?;
    let id = request.path_parameter("webhookId").and_then(|text| text.parse().ok());
    let webhook_id: WebhookId = id.ok_or_else(missing)?;
    let any = |_: &Delivery| true;
    if !again::send(deps, (job, webhook_id), any).await? {
        return Err(missing());
    }
    info!(jobId = %job, webhookId = %webhook_id, "webhook sent again by hand");
    Answer::json(StatusCode::ACCEPTED, &Redelivered { webhook_id })
}

/// The id of the job in the path, if it is the caller's.
async fn own_job(deps: &Deps<'_>, request: &Request) -> Result<JobId, Error> {
    let id = request.path_parameter("jobId");
    Ok(app::jobs::ownership::job(deps.jobs, deps.batches, request.caller()?, id).await?.id)
}

/// Passes for a key: what is not about one job is about all users of the client.
fn by_key(request: &Request) -> Result<(), Error> {
    match request.caller()?.user {
        None => Ok(()),
        Some(_) => Err(Error::Forbidden("a token acts for one user, and this is about all of its client's")),
    }
}
