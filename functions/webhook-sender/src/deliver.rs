//! The second trigger: one message, one try at one webhook.

use std::time::{Duration, Instant};

use domain::delivery::{Delivery, DeliveryState, Turn};
use domain::id::LeaseId;
use domain::job::Lease;
use domain::ports::{LONGEST_DELAY, StoreError, WebhookMessage};
use domain::secret::Secret;
use domain::signature::SigningSecret;
use domain::{Error, JobId, Timestamp, WebhookId};
use tracing::{info, warn};

use crate::Deps;
use crate::post::Signed;

/// How often a sender reads again when others keep changing the row before it does.
const RACES: u32 = 10;
/// The generation of every client's secret until it is rotated.
const FIRST_VERSION: u32 = 1;

/// Handles one message. `deadline` is when Lambda ends this function.
///
/// # Errors
///
/// If a store did not answer; the message then comes again, or the sweeper sends another.
pub async fn deliver(deps: &Deps<'_>, message: WebhookMessage, deadline: Timestamp) -> Result<(), Error> {
    let WebhookMessage::V1 { job_id, webhook_id, .. } = message;
    // Before the claim: a try that cannot be made must not count as one.
    let master = deps.master_secret.read().await?;
    let Some(delivery) = take_on(deps, job_id, webhook_id, deadline).await? else { return Ok(()) };
    // Nothing between the claim and the request but what can be done again: whoever takes over after
    // a crash sends the same id, and the receiver can tell.
    let accepted = attempt(deps, &delivery, &master).await?;
    record(deps, delivery, accepted, deadline).await
}

/// Claims the delivery for this sender; `None` if there is nothing to do for it.
async fn take_on(
    deps: &Deps<'_>,
    job: JobId,
    id: WebhookId,
    deadline: Timestamp,
) -> Result<Option<Delivery>, Error> {
    let claim = Lease { id: LeaseId::new(), until: deadline + deps.claim_margin };
    for _ in 0..RACES {
        let Some(mut delivery) = deps.deliveries.load_delivery(job, id).await? else {
            warn!("a message about a webhook that does not exist, or not any more");
            return Ok(None);
        };
        let turn = delivery.turn(Timestamp::now());
        if turn != Turn::Now {
            info!(?turn, "nothing to do for this webhook");
            return Ok(None);
        }
        if delivery.worn_out() {
            warn!(attempts = delivery.attempts, "webhook given up: its senders died");
            delivery.give_up();
            deps.deliveries.save_delivery(&mut delivery).await?;
            return Ok(None);
        }
        delivery.take_on(claim);
        match deps.deliveries.save_delivery(&mut delivery).await {
            Ok(()) => return Ok(Some(delivery)),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Unavailable { cause: "the row kept changing".into(), retry_after: Duration::from_secs(1) })
}

async fn attempt(deps: &Deps<'_>, delivery: &Delivery, master: &Secret) -> Result<bool, Error> {
    let body = edge::wire::webhook_body(delivery, &deps.images_url).map_err(Error::internal)?;
    let secret = SigningSecret::derive(master, &delivery.client_id, FIRST_VERSION);
    let now = Timestamp::now();
    let webhook = Signed {
        id: delivery.id.to_string(),
        timestamp: now.seconds().to_string(),
        signature: secret.sign(delivery.id, now, &body),
        body,
    };
    let started = Instant::now();
    let answer = deps.post.post(delivery.url.url(), webhook).await;
    let duration = started.elapsed().as_millis() as u64;
    let attempt = delivery.attempts;
    match answer {
        Ok(status) => {
            let accepted = (200..300).contains(&status);
            info!(attempt, status, accepted, durationMs = duration, "webhook sent");
            Ok(accepted)
        }
        Err(problem) => {
            info!(attempt, problem, accepted = false, durationMs = duration, "webhook not sent");
            Ok(false)
        }
    }
}

/// Writes what came of the try, and has itself woken for the next one if that is soon.
async fn record(
    deps: &Deps<'_>,
    mut delivery: Delivery,
    accepted: bool,
    deadline: Timestamp,
) -> Result<(), Error> {
    if accepted {
        delivery.delivered();
    } else {
        delivery.attempt_failed(Timestamp::now(), rand::random());
    }
    let mut pause = Duration::from_millis(100);
    loop {
        match deps.deliveries.save_delivery(&mut delivery).await {
            Ok(()) => break,
            Err(StoreError::Conflict) => {
                // The claim lapsed and somebody else has it, or our own write went through.
                info!("the webhook is no longer this sender's");
                return Ok(());
            }
            Err(error) if Timestamp::now() + pause < deadline => {
                warn!(%error, "the row could not be written; trying again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if delivery.state == DeliveryState::GivenUp {
        warn!(attempts = delivery.attempts, "webhook given up");
    }
    let Some(at) = delivery.not_before.filter(|_| delivery.state == DeliveryState::Owed) else {
        return Ok(());
    };
    let delay = at.since(Timestamp::now());
    if delay <= LONGEST_DELAY
        && let Err(error) = deps.queue.send_webhook(&WebhookMessage::about(&delivery), delay).await
    {
        warn!(%error, "the queue did not take the message; the sweeper will send it");
    }
    Ok(())
}
