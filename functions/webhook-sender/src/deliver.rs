//! The second trigger: one message, one attempt to deliver one webhook.
//!
//! The function may die between any two lines. Before the lease is written nothing has happened. If it dies
//! between that and the write of the result, the lease and the host permit lapse by themselves, and the next
//! sender sends the same id again.

use std::time::Duration;

use domain::primitives::source::random_fraction;
use domain::primitives::{Lease, LeaseId, Secret};
use domain::store::StoreError;
use domain::webhooks::{
    Delivery, HostPermit, MessagePurpose, Outcome, Readiness, SecretVersions, SigningSecret, WebhookMessage,
};
use domain::{Error, JobId, Timestamp, WebhookId};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::post::{BODY, Signed, TIMEOUT};
use crate::record::{record, save_unless_changed};
use crate::waiting::{self, Destination};
use crate::{Deps, endpoints};

/// How often a sender reads the row again after a write conflict.
const MAX_CONFLICT_RETRIES: u32 = 10;
/// An endpoint is slow if an attempt fails after at least this time.
const SLOW_RESPONSE: Duration = Duration::from_secs(5);
/// The time that must be left after a request for its outcome to be written.
const RECORD_TIME: Duration = Duration::from_secs(3);
/// How long a webhook waits whose attempt came too late for a request.
const LATE_PAUSE: Duration = Duration::from_secs(1);

/// Handles one message. `deadline` is the time at which Lambda ends this function.
///
/// # Errors
///
/// If a store did not answer. The message is then received again, or the sweeper sends another.
pub async fn deliver(deps: &Deps<'_>, message: WebhookMessage, deadline: Timestamp) -> Result<(), Error> {
    let WebhookMessage::V1 { job_id, webhook_id, purpose, .. } = message;
    let Some(delivery) = load(deps, job_id, webhook_id).await? else { return Ok(()) };
    let to = Destination::of(&delivery);
    if purpose == MessagePurpose::Watch {
        return Ok(waiting::look(deps, &delivery, &to).await?);
    }
    if !is_due(&delivery) {
        if purpose == MessagePurpose::Turn {
            waiting::pass_on(deps, &to).await;
        }
        return Ok(());
    }
    // This comes first of all that an attempt needs: most of those that must wait get no further.
    let Some(held) = waiting::acquire(deps, &delivery, &to, purpose).await? else { return Ok(()) };
    let time = TimeLimit { permit: held.permit, deadline };
    let ((), ready) =
        tokio::join!(waiting::wake_neighbor(deps, &to, &held), prepare(deps, delivery, purpose, time));
    let ready = match ready {
        Ok(Some(ready)) => ready,
        nothing => {
            waiting::release(deps, &to, &held, false).await;
            return nothing.map(|_| ());
        }
    };
    let (delivery, outcome) = attempt(deps, ready).await;

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
    let (recorded, (), ()) = tokio::join!(record, update_endpoint, waiting::release(deps, &to, &held, slow));
    recorded
}

/// Loads the delivery; `None` if it does not exist.
async fn load(deps: &Deps<'_>, job: JobId, id: WebhookId) -> Result<Option<Delivery>, StoreError> {
    let delivery = deps.deliveries.load_delivery(job, id).await?;
    if delivery.is_none() {
        warn!("the message names a webhook that does not exist or has expired");
    }
    Ok(delivery)
}

fn is_due(delivery: &Delivery) -> bool {
    let readiness = delivery.readiness(Timestamp::now());
    if readiness != Readiness::Due {
        info!(?readiness, "nothing to do for this webhook");
    }
    readiness == Readiness::Due
}

/// Until when a request must be over.
#[derive(Clone, Copy)]
struct TimeLimit {
    permit: HostPermit,
    /// When Lambda ends this function.
    deadline: Timestamp,
}

impl TimeLimit {
    /// Whether a request that begins now ends before its permit expires, and early enough for its outcome to
    /// be written. If not, another sender might send the same webhook, or use the same permit, beside it.
    fn allows_request(self) -> bool {
        let end = Timestamp::now() + TIMEOUT + BODY;
        end <= self.permit.lease.until && end + RECORD_TIME <= self.deadline
    }
}

/// A delivery that is leased to this sender, and what its request needs.
struct Ready {
    delivery: Delivery,
    body: Vec<u8>,
    master: Secret,
    secret_versions: SecretVersions,
}

/// Prepares the request and leases the delivery; `None` if there is nothing to send, or not now. The caller
/// holds a host permit.
async fn prepare(
    deps: &Deps<'_>,
    delivery: Delivery,
    purpose: MessagePurpose,
    time: TimeLimit,
) -> Result<Option<Ready>, Error> {
    // This comes before the lease: an attempt that cannot be made must not count.
    let body =
        edge::api::webhooks::payload::webhook_body(&delivery, &deps.images_url).map_err(Error::internal)?;
    let (master, secret_versions) = tokio::try_join!(
        deps.master_secret.read(),
        deps.secret_versions.secret_versions(&delivery.client_id)
    )?;
    if !time.allows_request() {
        return postpone(deps, &delivery, purpose).await.map(|()| None);
    }
    let Some((before, delivery)) = begin(deps, delivery, time.deadline).await? else { return Ok(None) };
    if !time.allows_request() {
        // Nothing was sent, so the row becomes what it was. If that fails, the lease lapses.
        let mut undone = Delivery { revision: delivery.revision, ..before };
        save_unless_changed(deps, &mut undone).await?;
        return postpone(deps, &delivery, purpose).await.map(|()| None);
    }
    Ok(Some(Ready { delivery, body, master, secret_versions }))
}

/// Sends the message again, because too little time is left for a request. That does not count as an attempt.
async fn postpone(deps: &Deps<'_>, delivery: &Delivery, purpose: MessagePurpose) -> Result<(), Error> {
    warn!("too late for a request; the webhook is put on the queue again");
    let message = WebhookMessage::to(delivery, purpose);
    Ok(deps.queue.send_webhook(&message, &delivery.client_id, LATE_PAUSE).await?)
}

/// Leases the delivery to this sender if its endpoint may be called; `None` if there is nothing to do for it.
/// Returns it as it was before, too. The caller holds a host permit by then, so that the daily probe is not
/// used up for want of a permit.
async fn begin(
    deps: &Deps<'_>,
    delivery: Delivery,
    deadline: Timestamp,
) -> Result<Option<(Delivery, Delivery)>, Error> {
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

/// Leases the delivery to this sender; `None` if there is nothing to do for it.
async fn begin_attempt(
    deps: &Deps<'_>,
    mut delivery: Delivery,
    deadline: Timestamp,
) -> Result<Option<(Delivery, Delivery)>, Error> {
    let lease = Lease { id: LeaseId::new(), until: deadline + deps.lease_margin };
    for _ in 0..MAX_CONFLICT_RETRIES {
        if delivery.crash_limit_reached() {
            warn!(attempts = delivery.attempts, "webhook given up: its senders died");
            delivery.give_up(Timestamp::now());
            save_unless_changed(deps, &mut delivery).await?;
            return Ok(None);
        }
        let before = delivery.clone();
        delivery.begin_attempt(lease, Timestamp::now(), deps.time_scale, random_fraction());
        if save_unless_changed(deps, &mut delivery).await? {
            return Ok(Some((before, delivery)));
        }
        match load(deps, delivery.job_id, delivery.id).await? {
            Some(again) if is_due(&again) => delivery = again,
            _ => return Ok(None),
        }
    }
    Err(Error::Unavailable { cause: "the row kept changing".into(), retry_after: Duration::from_secs(1) })
}

async fn attempt(deps: &Deps<'_>, ready: Ready) -> (Delivery, Outcome) {
    let Ready { delivery, body, master, secret_versions } = ready;
    let now = Timestamp::now();
    let sign =
        |version| SigningSecret::derive(&master, &delivery.client_id, version).sign(delivery.id, now, &body);
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
    (delivery, outcome)
}
