//! The second trigger: one message, one attempt to deliver one webhook.
//!
//! The function may die between any two lines. Before the lease is written nothing has happened. If it dies
//! between that and the write of the result, the lease and the host permit lapse by themselves, and the next
//! sender sends the same id again.

use std::time::Duration;

use app::backoff::Backoff;
use domain::primitives::source::random_fraction;
use domain::primitives::{Lease, LeaseId, Secret};
use domain::store::StoreError;
use domain::webhooks::{
    Delivery, DeliveryState, HostPermit, Outcome, Readiness, SecretVersions, SigningSecret, WebhookMessage,
};
use domain::{Error, JobId, Timestamp, WebhookId};
use tokio::time::Instant;
use tracing::{info, warn};
use url::Url;

use crate::post::{Signed, TIMEOUT};
use crate::{Deps, endpoints};

/// How often a sender reads the row again after a write conflict.
const MAX_CONFLICT_RETRIES: u32 = 10;
/// How long a host permit lasts: a little longer than a request can take.
const PERMIT_TTL: Duration = Duration::from_secs(TIMEOUT.as_secs() + 5);
/// An endpoint is slow if an attempt fails after at least this time.
const SLOW_RESPONSE: Duration = Duration::from_secs(5);
/// How long the host of a slow endpoint has fewer permits.
const SLOW_PERIOD: Duration = Duration::from_secs(30);

/// Handles one message. `deadline` is the time at which Lambda ends this function.
///
/// # Errors
///
/// If a store did not answer. The message is then received again, or the sweeper sends another.
pub async fn deliver(deps: &Deps<'_>, message: WebhookMessage, deadline: Timestamp) -> Result<(), Error> {
    let WebhookMessage::V1 { job_id, webhook_id, .. } = message;
    let Some(delivery) = load_due(deps, job_id, webhook_id).await? else { return Ok(()) };
    // This comes before the lease: an attempt that cannot be made must not count.
    let body =
        edge::api::webhooks::payload::webhook_body(&delivery, &deps.images_url).map_err(Error::internal)?;
    let master = deps.master_secret.read().await?;
    let secret_versions = deps.secret_versions.secret_versions(&delivery.client_id).await?;
    let host = host(delivery.url.url());
    let now = Timestamp::now();
    let Some(permit) = deps.hosts.acquire_host_permit(&host, now, now + PERMIT_TTL).await? else {
        return wait(deps, delivery).await;
    };
    let delivery = match begin(deps, delivery, deadline).await {
        Ok(Some(delivery)) => delivery,
        nothing => {
            release_permit(deps, &host, permit, false).await;
            return nothing.map(|_| ());
        }
    };
    let outcome = attempt(deps, &delivery, body, &master, &secret_versions).await;

    let accepted = outcome.accepted();
    let slow = !accepted && outcome.duration >= SLOW_RESPONSE;
    let record = async {
        // A failure first updates the endpoint, because the delivery is held if the endpoint is disabled.
        let disabled = !accepted && endpoints::failed(deps, &delivery).await;
        record(deps, delivery.clone(), &outcome, disabled, deadline).await
    };
    let update_endpoint = async {
        if accepted {
            endpoints::succeeded(deps, &delivery).await;
        }
    };
    let (recorded, (), ()) = tokio::join!(record, update_endpoint, release_permit(deps, &host, permit, slow));
    recorded
}

/// Loads the delivery; `None` if there is nothing to do for it.
async fn load_due(deps: &Deps<'_>, job: JobId, id: WebhookId) -> Result<Option<Delivery>, Error> {
    let Some(delivery) = deps.deliveries.load_delivery(job, id).await? else {
        warn!("the message names a webhook that does not exist or has expired");
        return Ok(None);
    };
    let readiness = delivery.readiness(Timestamp::now());
    if readiness != Readiness::Due {
        info!(?readiness, "nothing to do for this webhook");
        return Ok(None);
    }
    Ok(Some(delivery))
}

/// Leases the delivery to this sender if its endpoint may be called; `None` if there is nothing to do for it.
/// The caller holds a host permit by then, so that the daily probe is not used up for want of a permit.
async fn begin(deps: &Deps<'_>, delivery: Delivery, deadline: Timestamp) -> Result<Option<Delivery>, Error> {
    if endpoints::may_attempt(deps, &delivery).await? {
        return begin_attempt(deps, delivery, deadline).await;
    }
    hold(deps, delivery).await.map(|()| None)
}

/// Holds the delivery until its endpoint is enabled again.
async fn hold(deps: &Deps<'_>, mut delivery: Delivery) -> Result<(), Error> {
    info!("the endpoint is disabled");
    if !delivery.held {
        delivery.hold(Timestamp::now());
        save_unless_changed(deps, &mut delivery).await?;
    }
    Ok(())
}

/// Defers the delivery until its host may have a permit. That does not count as an attempt.
async fn wait(deps: &Deps<'_>, mut delivery: Delivery) -> Result<(), Error> {
    delivery.defer_for_permit(Timestamp::now(), random_fraction());
    info!(deferrals = delivery.deferrals, "the host has no free permit");
    if save_unless_changed(deps, &mut delivery).await? {
        send_message(deps, &delivery).await;
    }
    Ok(())
}

/// Returns whether the row was written; after a conflict the other function's write stays.
async fn save_unless_changed(deps: &Deps<'_>, delivery: &mut Delivery) -> Result<bool, StoreError> {
    match deps.deliveries.save_delivery(delivery).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Releases the host permit; if that fails, the permit lapses.
async fn release_permit(deps: &Deps<'_>, host: &str, permit: HostPermit, slow: bool) {
    let slow_until = slow.then(|| Timestamp::now() + SLOW_PERIOD);
    if let Err(error) = deps.hosts.release_host_permit(host, permit, slow_until).await {
        warn!(%error, "the host permit could not be released");
    }
}

/// Leases the delivery to this sender; `None` if there is nothing to do for it.
async fn begin_attempt(
    deps: &Deps<'_>,
    mut delivery: Delivery,
    deadline: Timestamp,
) -> Result<Option<Delivery>, Error> {
    let lease = Lease { id: LeaseId::new(), until: deadline + deps.lease_margin };
    for _ in 0..MAX_CONFLICT_RETRIES {
        if delivery.crash_limit_reached() {
            warn!(attempts = delivery.attempts, "webhook given up: its senders died");
            delivery.give_up(Timestamp::now());
            save_unless_changed(deps, &mut delivery).await?;
            return Ok(None);
        }
        delivery.begin_attempt(lease, Timestamp::now(), deps.time_scale, random_fraction());
        if save_unless_changed(deps, &mut delivery).await? {
            return Ok(Some(delivery));
        }
        let Some(again) = load_due(deps, delivery.job_id, delivery.id).await? else { return Ok(None) };
        delivery = again;
    }
    Err(Error::Unavailable { cause: "the row kept changing".into(), retry_after: Duration::from_secs(1) })
}

async fn attempt(
    deps: &Deps<'_>,
    delivery: &Delivery,
    body: Vec<u8>,
    master: &Secret,
    secret_versions: &SecretVersions,
) -> Outcome {
    let now = Timestamp::now();
    let sign =
        |version| SigningSecret::derive(master, &delivery.client_id, version).sign(delivery.id, now, &body);
    let signatures: Vec<_> = secret_versions.signing(now).into_iter().map(sign).collect();
    let webhook = Signed {
        id: delivery.id.to_string(),
        timestamp: now.seconds().to_string(),
        signature: signatures.join(" "),
        body,
    };
    let started = Instant::now();
    let answer = deps.post.post(delivery.url.url(), webhook).await;
    let outcome = Outcome { duration: started.elapsed(), answer };
    let (attempt, accepted) = (delivery.attempts, outcome.accepted());
    let duration = outcome.duration.as_millis() as u64;
    match &outcome.answer {
        Ok(answer) => info!(attempt, status = answer.status, accepted, durationMs = duration, "webhook sent"),
        Err(problem) => info!(attempt, problem, accepted, durationMs = duration, "webhook not sent"),
    }
    outcome
}

/// Writes the outcome of the attempt, and queues the message of the next attempt if that is soon.
async fn record(
    deps: &Deps<'_>,
    mut delivery: Delivery,
    outcome: &Outcome,
    disabled: bool,
    deadline: Timestamp,
) -> Result<(), Error> {
    let mut backoff = Backoff::until(deadline);
    loop {
        let mut next = delivery.clone();
        next.record_outcome(outcome, disabled, Timestamp::now(), deps.time_scale, random_fraction());
        let problem = match deps.deliveries.save_delivery(&mut next).await {
            Ok(()) => {
                delivery = next;
                break;
            }
            Err(StoreError::Conflict) => match deps.deliveries.load_delivery(next.job_id, next.id).await {
                Ok(Some(row)) if row.lease == delivery.lease => {
                    // The client asked for a redelivery meanwhile.
                    delivery = row;
                    StoreError::Conflict
                }
                Ok(_) => {
                    // The lease lapsed, and another sender has it.
                    info!("the webhook is no longer this sender's");
                    return Ok(());
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        if !backoff.pause(&problem).await {
            return Err(problem.into());
        }
        warn!(error = %problem, "the row could not be written; trying again");
    }
    if delivery.state == DeliveryState::GivenUp {
        warn!(attempts = delivery.attempts, "webhook given up");
    }
    send_message(deps, &delivery).await;
    Ok(())
}

/// Sends the message of the next attempt if the queue can delay it for so long; otherwise the sweeper sends
/// it.
async fn send_message(deps: &Deps<'_>, delivery: &Delivery) {
    let Some(delay) = delivery.message_delay(Timestamp::now()) else { return };
    let message = WebhookMessage::about(delivery);
    if let Err(error) = deps.queue.send_webhook(&message, &delivery.client_id, delay).await {
        warn!(%error, "the queue did not take the message; the sweeper will send it");
    }
}

/// The host and port that share permits. A trailing dot is removed, because it names the same host.
fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    let name = name.strip_suffix('.').unwrap_or(name);
    format!("{name}:{}", url.port_or_known_default().unwrap_or_default())
}
