//! `/images/status/{jobId}/webhooks` and `/webhooks`: lists webhook deliveries, redelivers them, and enables
//! disabled endpoints.

mod endpoints;
mod redeliver;

use domain::error::Missing;
use domain::jobs::{BatchStore, JobStore, WebhookUrlPolicy};
use domain::webhooks::{Delivery, DeliveryList, DeliveryStore, WebhookEndpointStore, WebhookQueue};
use domain::{Error, JobId, WebhookId};
use edge::api::webhooks::attempts::{Attempts, Redelivered, parse_page};
use edge::http::{Answer, Request};
use http::StatusCode;
use tracing::info;

pub struct Deps<'a> {
    pub jobs: &'a dyn JobStore,
    pub batches: &'a dyn BatchStore,
    pub deliveries: &'a dyn DeliveryStore,
    pub list: &'a dyn DeliveryList,
    /// Endpoints whose deliveries fail, or have failed.
    pub endpoints: &'a dyn WebhookEndpointStore,
    pub queue: &'a dyn WebhookQueue,
    pub webhook_url_policy: WebhookUrlPolicy,
}

/// Answers one request.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
/// A job of another client or user is [`Error::NotFound`], the same as one that does not exist.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    match (request.route.method, request.route.path) {
        ("GET", "/images/status/{jobId}/webhooks") => list(deps, &request).await,
        ("POST", "/images/status/{jobId}/webhooks/{webhookId}/redeliver") => {
            redeliver_one(deps, &request).await
        }
        ("POST", "/webhooks/redeliver") => redeliver::redeliver_range(deps, &request).await,
        ("POST", "/webhooks/enable") => endpoints::enable(deps, &request).await,
        ("GET", "/webhooks/disabled") => endpoints::disabled(deps, &request).await,
        (method, path) => Err(Error::internal(format!("no endpoint here is {method} {path}"))),
    }
}

async fn list(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    let job = own_job(deps, request).await?;
    let after = parse_page(request.query("cursor"), job)?;
    let page = deps.list.deliveries_of(job, after).await?;
    Answer::json(StatusCode::OK, &Attempts::new(&page.deliveries, page.more, request.now))
}

async fn redeliver_one(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    let missing = || Error::NotFound(Missing::Webhook);
    let job = own_job(deps, request).await?;
    let id = request.path_parameter("webhookId").and_then(|text| text.parse().ok());
    let webhook_id: WebhookId = id.ok_or_else(missing)?;
    let any = |_: &Delivery| true;
    if !redeliver::redeliver(deps, (job, webhook_id), any).await? {
        return Err(missing());
    }
    info!(jobId = %job, webhookId = %webhook_id, "webhook redelivery requested");
    Answer::json(StatusCode::ACCEPTED, &Redelivered { webhook_id })
}

/// Returns the id of the job in the path if the caller may see it, else [`Error::NotFound`].
async fn own_job(deps: &Deps<'_>, request: &Request) -> Result<JobId, Error> {
    let id = request.path_parameter("jobId");
    Ok(app::jobs::ownership::job(deps.jobs, deps.batches, request.caller()?, id).await?.id)
}

/// Checks that the caller uses a key: these endpoints concern all users of the client, not one job.
fn require_key(request: &Request) -> Result<(), Error> {
    match request.caller()?.user {
        None => Ok(()),
        Some(_) => {
            Err(Error::Forbidden("a token acts for one user, and this is about all of its client's".into()))
        }
    }
}
