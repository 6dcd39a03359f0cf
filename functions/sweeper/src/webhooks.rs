//! Webhooks whose time has come, and URLs that are switched off, or were.

use std::time::Duration;

use domain::store::StoreError;
use domain::webhooks::{Chore, Delivery, DeliveryKey, Receiver, ReceiverId, Turn, WebhookMessage};
use domain::{JobId, Timestamp, WebhookId};
use futures_util::{StreamExt as _, stream};
use tracing::{Span, field, info, warn};

use crate::{Deps, Done, PER_ROW};

/// How many parked webhooks of a URL are looked up in one go, to find the first that is still there,
const CANDIDATES: u16 = 25;
/// and to let them go.
const PAGE: u16 = 100;
/// How many parked webhooks of a URL one sweep lets go, to the end of a page.
const RELEASED: usize = 250;
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

/// A walk through the parked webhooks of a URL, the longest parked first. What has expired or cannot be
/// read must not stand before the others.
struct Parked<'a> {
    deps: &'a Deps<'a>,
    id: ReceiverId,
    after: Option<(Timestamp, DeliveryKey)>,
    /// Whether there may be some that it has not come to.
    more: bool,
    last_start: Timestamp,
    expired: usize,
    /// How many could not be seen to.
    failed: usize,
}

impl<'a> Parked<'a> {
    fn of(deps: &'a Deps<'a>, receiver: &Receiver) -> Self {
        let last_start = Timestamp::now() + PER_ROW.mul_f32(0.7);
        Self { deps, id: receiver.id(), after: None, more: true, last_start, expired: 0, failed: 0 }
    }

    /// Those of the next `limit` that are there; nothing after the last, or if the time is up.
    async fn next(&mut self, limit: u16) -> Result<Option<Vec<Delivery>>, StoreError> {
        if !self.more || Timestamp::now() >= self.last_start {
            return Ok(None);
        }
        let page = self.deps.receivers.parked(&self.id, self.after, limit).await?;
        (self.after, self.more) = (page.next, page.next.is_some());
        let deliveries = self.deps.deliveries;
        let load = |key: DeliveryKey| async move { (key, deliveries.load_delivery(key.0, key.1).await) };
        let mut rows = stream::iter(page.keys).map(load).buffered(SIDE_BY_SIDE);
        let mut there = Vec::new();
        while let Some((key, row)) = rows.next().await {
            match row {
                Ok(Some(delivery)) => there.extend(Some(delivery).filter(|delivery| delivery.parked)),
                Ok(None) => self.expired += 1,
                Err(error) => self.failed(key, &error),
            }
        }
        Ok(Some(there))
    }

    fn failed(&mut self, (job, id): DeliveryKey, error: &StoreError) {
        warn!(jobId = %job, webhookId = %id, %error, "a parked webhook could not be seen to");
        self.failed += 1;
    }

    /// Ends the walk, and says whether there may be some left that were not seen to.
    fn end(self) -> bool {
        if self.expired > 0 {
            // They were owed until their jobs' time was up. Nothing else ends without a last try.
            warn!(expired = self.expired, "parked webhooks have expired with their jobs");
        }
        self.more || self.failed > 0
    }
}

/// Wakes a sender for the webhook that has been parked longest; the sender makes it the try of the day.
async fn probe(deps: &Deps<'_>, mut receiver: Receiver) -> Result<Done, StoreError> {
    let (mut parked, mut oldest) = (Parked::of(deps, &receiver), None);
    while oldest.is_none()
        && let Some(there) = parked.next(CANDIDATES).await?
    {
        oldest = there.into_iter().next();
    }
    if let Some(delivery) = &oldest {
        // The message first: dying between the two sends it once more, the other way round not at all.
        send(deps, delivery).await?;
    }
    let found = oldest.is_some();
    receiver.probe_sent(parked.end() || found, Timestamp::now(), deps.tempo);
    deps.receivers.save_receiver(&mut receiver).await?;
    info!(found, "a URL that is switched off has its day");
    Ok(if found { Done::WebhookSent } else { Done::Nothing })
}

/// Lets the webhooks go that were parked until the URL is on again; what is left has the next sweep.
async fn release(deps: &Deps<'_>, mut receiver: Receiver) -> Result<Done, StoreError> {
    let (mut parked, mut released) = (Parked::of(deps, &receiver), 0);
    while released < RELEASED
        && let Some(there) = parked.next(PAGE).await?
    {
        let mut all = stream::iter(there).map(|one| unpark(deps, one)).buffer_unordered(SIDE_BY_SIDE);
        while let Some((key, done)) = all.next().await {
            match done {
                Ok(()) => released += 1,
                // A sender has it.
                Err(StoreError::Conflict) => {}
                Err(error) => parked.failed(key, &error),
            }
        }
    }
    receiver.released(parked.end() || released > 0, Timestamp::now());
    deps.receivers.save_receiver(&mut receiver).await?;
    if released > 0 {
        info!(released, "webhooks of a URL that is on again go out");
    }
    Ok(if released > 0 { Done::WebhookSent } else { Done::Nothing })
}

async fn unpark(deps: &Deps<'_>, mut delivery: Delivery) -> (DeliveryKey, Result<(), StoreError>) {
    delivery.unpark(Timestamp::now());
    let saved = deps.deliveries.save_delivery(&mut delivery).await;
    let key = (delivery.job_id, delivery.id);
    if saved.is_err() {
        return (key, saved);
    }
    // From here on it is due like any other; the message only makes it come sooner.
    if let Err(error) = send(deps, &delivery).await {
        warn!(jobId = %key.0, webhookId = %key.1, %error, "the message was not taken");
    }
    (key, Ok(()))
}
