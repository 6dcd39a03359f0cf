//! Webhooks whose time has come, and URLs that are switched off, or were.

use std::time::Duration;

use domain::delivery::{Delivery, Turn};
use domain::ports::{DeliveryKey, StoreError, WebhookMessage};
use domain::receiver::{Chore, Receiver, ReceiverId};
use domain::{JobId, Timestamp, WebhookId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tracing::{Span, field, info};

use crate::{Deps, Done};

/// Of how many parked webhooks the sweep takes the first that is still there.
const CANDIDATES: u16 = 25;
/// How many parked webhooks of a URL one sweep lets go.
const RELEASED: u16 = 250;
/// How many of them side by side.
const SIDE_BY_SIDE: usize = 8;

pub(crate) async fn delivery(deps: &Deps<'_>, job: JobId, id: WebhookId) -> Result<Done, StoreError> {
    let now = Timestamp::now();
    let Some(mut delivery) = deps.deliveries.load_delivery(job, id).await? else { return Ok(Done::Nothing) };
    let due = delivery.due_at.is_some_and(|at| at <= now) && delivery.turn(now) == Turn::Now;
    if !due || delivery.parked {
        return Ok(Done::Nothing);
    }
    Span::current().record("traceId", field::display(delivery.trace_id));
    send(deps, &delivery).await?;
    delivery.message_sent(now);
    deps.deliveries.save_delivery(&mut delivery).await?;
    info!(attempts = delivery.attempts, "webhook sent again");
    Ok(Done::WebhookSent)
}

async fn send(deps: &Deps<'_>, delivery: &Delivery) -> Result<(), StoreError> {
    let message = WebhookMessage::about(delivery);
    deps.webhook_queue.send_webhook(&message, &delivery.client_id, Duration::ZERO).await
}

pub(crate) async fn receiver(deps: &Deps<'_>, id: &ReceiverId) -> Result<Done, StoreError> {
    let Some(receiver) = deps.receivers.load_receiver(id).await? else { return Ok(Done::Nothing) };
    match receiver.chore(Timestamp::now()) {
        Chore::None => Ok(Done::Nothing),
        Chore::Probe => probe(deps, receiver).await,
        Chore::Release => release(deps, receiver).await,
    }
}

/// Wakes a sender for the webhook that has been parked longest; the sender makes it the try of the day.
async fn probe(deps: &Deps<'_>, mut receiver: Receiver) -> Result<Done, StoreError> {
    let mut found = false;
    for (job, id) in deps.receivers.parked(&receiver.id(), CANDIDATES).await? {
        let delivery = deps.deliveries.load_delivery(job, id).await?;
        if let Some(delivery) = delivery.filter(|delivery| delivery.parked) {
            // The message first: dying between the two sends it once more, the other way round not at all.
            send(deps, &delivery).await?;
            found = true;
            break;
        }
    }
    receiver.probe_sent(found, Timestamp::now(), deps.tempo);
    deps.receivers.save_receiver(&mut receiver).await?;
    info!(found, "a URL that is switched off has its day");
    Ok(if found { Done::WebhookSent } else { Done::Nothing })
}

/// Lets the webhooks go that were parked until the URL is on again; what is left has the next sweep.
async fn release(deps: &Deps<'_>, mut receiver: Receiver) -> Result<Done, StoreError> {
    let parked = deps.receivers.parked(&receiver.id(), RELEASED).await?;
    let listed = parked.len();
    let all = stream::iter(parked).map(|key| unpark(deps, key)).buffer_unordered(SIDE_BY_SIDE);
    let released = all.try_fold(0, async |sum, one| Ok(sum + usize::from(one))).await?;
    receiver.released(listed > 0, Timestamp::now());
    deps.receivers.save_receiver(&mut receiver).await?;
    if listed > 0 {
        info!(listed, released, "webhooks of a URL that is on again go out");
    }
    Ok(if released > 0 { Done::WebhookSent } else { Done::Nothing })
}

/// Whether there was something to do.
async fn unpark(deps: &Deps<'_>, (job, id): DeliveryKey) -> Result<bool, StoreError> {
    let delivery = deps.deliveries.load_delivery(job, id).await?;
    let Some(mut delivery) = delivery.filter(|delivery| delivery.parked) else { return Ok(false) };
    delivery.unpark(Timestamp::now());
    match deps.deliveries.save_delivery(&mut delivery).await {
        // From here on it is due like any other; the message only makes it come sooner.
        Ok(()) => send(deps, &delivery).await.map(|()| true),
        // A sender has it.
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}
