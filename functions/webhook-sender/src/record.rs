//! Writes to the delivery's row: the outcome of an attempt, and with it the message of the next one.

use app::backoff::Backoff;
use domain::primitives::source::random_fraction;
use domain::store::StoreError;
use domain::webhooks::{Delivery, DeliveryState, Outcome, WebhookMessage};
use domain::{Error, Timestamp};
use tracing::{info, warn};

use crate::Deps;

/// Returns whether the row was written; after a conflict the other function's write stays.
pub(crate) async fn save_unless_changed(
    deps: &Deps<'_>,
    delivery: &mut Delivery,
) -> Result<bool, StoreError> {
    match deps.deliveries.save_delivery(delivery).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes the outcome of the attempt, and queues the message of the next attempt if that is soon.
pub(crate) async fn record(
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
