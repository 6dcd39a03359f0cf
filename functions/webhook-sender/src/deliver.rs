//! The second trigger: one message, one try at one webhook.
//!
//! The function may die between any two lines. Until the claim is written nothing has happened; from
//! then on until the result is written, the claim and the place at the host lapse by themselves, and
//! whoever comes next sends the same id again.

use std::time::{Duration, Instant};

use domain::primitives::{Lease, LeaseId, Secret};
use domain::store::StoreError;
use domain::webhooks::{
    Delivery, DeliveryState, HostPermit, Outcome, Readiness, SecretVersions, SigningSecret, WebhookMessage,
};
use domain::{Error, JobId, Timestamp, WebhookId};
use tracing::{info, warn};
use url::Url;

use crate::post::{Signed, TIMEOUT};
use crate::{Deps, endpoints};

/// How often a sender reads again when others keep changing the row before it does.
const MAX_CONFLICT_RETRIES: u32 = 10;
/// How long a place at a host is held: a little longer than a request can take.
const PERMIT_TTL: Duration = Duration::from_secs(TIMEOUT.as_secs() + 5);
/// After how long in vain a receiver is slow.
const SLOW_RESPONSE: Duration = Duration::from_secs(5);
/// For how long a slow receiver's host has fewer places.
const SLOW_PERIOD: Duration = Duration::from_secs(30);

/// Handles one message. `deadline` is when Lambda ends this function.
///
/// # Errors
///
/// If a store did not answer; the message then comes again, or the sweeper sends another.
pub async fn deliver(deps: &Deps<'_>, message: WebhookMessage, deadline: Timestamp) -> Result<(), Error> {
    let WebhookMessage::V1 { job_id, webhook_id, .. } = message;
    let Some(delivery) = load_due(deps, job_id, webhook_id).await? else { return Ok(()) };
    // Before the claim: a try that cannot be made must not count as one.
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
            leave(deps, &host, permit, false).await;
            return nothing.map(|_| ());
        }
    };
    let outcome = attempt(deps, &delivery, body, &master, &secret_versions).await;

    let accepted = outcome.accepted();
    let slow = !accepted && outcome.duration >= SLOW_RESPONSE;
    let record = async {
        // A failure first teaches what is known of the URL: whether this one is kept depends on that.
        let url_off = !accepted && endpoints::failed(deps, &delivery).await;
        record(deps, delivery.clone(), &outcome, url_off, deadline).await
    };
    let learn = async {
        if accepted {
            endpoints::succeeded(deps, &delivery).await;
        }
    };
    let (recorded, (), ()) = tokio::join!(record, learn, leave(deps, &host, permit, slow));
    recorded
}

/// The delivery, if there is something to do for it.
async fn load_due(deps: &Deps<'_>, job: JobId, id: WebhookId) -> Result<Option<Delivery>, Error> {
    let Some(delivery) = deps.deliveries.load_delivery(job, id).await? else {
        warn!("a message about a webhook that does not exist, or not any more");
        return Ok(None);
    };
    let readiness = delivery.readiness(Timestamp::now());
    if readiness != Readiness::Due {
        info!(?readiness, "nothing to do for this webhook");
        return Ok(None);
    }
    Ok(Some(delivery))
}

/// Claims the delivery for this sender, if its URL may be tried; `None` if there is nothing to do for it.
/// It has its place at the host by then: the one try of a day must not be one that finds none.
async fn begin(deps: &Deps<'_>, delivery: Delivery, deadline: Timestamp) -> Result<Option<Delivery>, Error> {
    if endpoints::may_attempt(deps, &delivery).await? {
        return begin_attempt(deps, delivery, deadline).await;
    }
    hold(deps, delivery).await.map(|()| None)
}

/// Keeps the delivery until its URL is on again.
async fn hold(deps: &Deps<'_>, mut delivery: Delivery) -> Result<(), Error> {
    info!("the URL is switched off");
    if !delivery.held {
        delivery.hold(Timestamp::now());
        save_unless_changed(deps, &mut delivery).await?;
    }
    Ok(())
}

/// Has the delivery come again when there may be a place at its host. That is no try.
async fn wait(deps: &Deps<'_>, mut delivery: Delivery) -> Result<(), Error> {
    delivery.defer_for_permit(Timestamp::now(), rand::random());
    info!(waits = delivery.deferrals, "as many requests are under way to the host as may be");
    if save_unless_changed(deps, &mut delivery).await? {
        send_message(deps, &delivery).await;
    }
    Ok(())
}

/// Whether the row could be written; if somebody was faster, what they wrote holds.
async fn save_unless_changed(deps: &Deps<'_>, delivery: &mut Delivery) -> Result<bool, StoreError> {
    match deps.deliveries.save_delivery(delivery).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives the place at the host back; if that fails, it lapses.
async fn leave(deps: &Deps<'_>, host: &str, permit: HostPermit, slow: bool) {
    let slow_until = slow.then(|| Timestamp::now() + SLOW_PERIOD);
    if let Err(error) = deps.hosts.release_host_permit(host, permit, slow_until).await {
        warn!(%error, "the place at the host could not be given back");
    }
}

/// Claims the delivery for this sender; `None` if there is nothing to do for it.
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
        delivery.begin_attempt(lease, Timestamp::now(), deps.time_scale, rand::random());
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
    let sign = |generation| {
        SigningSecret::derive(master, &delivery.client_id, generation).sign(delivery.id, now, &body)
    };
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

/// Writes what came of the try, and has itself woken for the next one if that is soon.
async fn record(
    deps: &Deps<'_>,
    mut delivery: Delivery,
    outcome: &Outcome,
    url_off: bool,
    deadline: Timestamp,
) -> Result<(), Error> {
    let mut pause = Duration::from_millis(100);
    loop {
        let mut next = delivery.clone();
        next.record_outcome(outcome, url_off, Timestamp::now(), deps.time_scale, rand::random());
        let problem = match deps.deliveries.save_delivery(&mut next).await {
            Ok(()) => {
                delivery = next;
                break;
            }
            Err(StoreError::Conflict) => match deps.deliveries.load_delivery(next.job_id, next.id).await {
                Ok(Some(row)) if row.lease == delivery.lease => {
                    // Somebody wants it sent again meanwhile.
                    delivery = row;
                    StoreError::Conflict
                }
                Ok(_) => {
                    // The claim lapsed and somebody else has it.
                    info!("the webhook is no longer this sender's");
                    return Ok(());
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        if Timestamp::now() + pause >= deadline {
            return Err(problem.into());
        }
        warn!(error = %problem, "the row could not be written; trying again");
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    if delivery.state == DeliveryState::GivenUp {
        warn!(attempts = delivery.attempts, "webhook given up");
    }
    send_message(deps, &delivery).await;
    Ok(())
}

/// Sends the message of the next try, if a queue can keep it so long; otherwise the sweeper does.
async fn send_message(deps: &Deps<'_>, delivery: &Delivery) {
    let Some(delay) = delivery.message_delay(Timestamp::now()) else { return };
    let message = WebhookMessage::about(delivery);
    if let Err(error) = deps.queue.send_webhook(&message, &delivery.client_id, delay).await {
        warn!(%error, "the queue did not take the message; the sweeper will send it");
    }
}

/// The host and port that share places. A dot may end a name, which names the same host.
fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    let name = name.strip_suffix('.').unwrap_or(name);
    format!("{name}:{}", url.port_or_known_default().unwrap_or_default())
}
