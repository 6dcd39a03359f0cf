//! Webhooks that are due, and endpoints that are disabled or were enabled again.

use std::time::Duration;

use domain::store::StoreError;
use domain::webhooks::{
    Delivery, DeliveryKey, NextAction, Readiness, WebhookEndpoint, WebhookEndpointId, WebhookMessage,
};
use domain::{JobId, Timestamp, WebhookId};
use futures_util::{StreamExt as _, stream};
use tracing::{Span, field, info, warn};

use crate::{Deps, Done, PER_ROW};

/// The page size when a probe looks for the oldest held webhook that still exists.
const CANDIDATES: u16 = 25;
/// The page size when held webhooks are released.
const PAGE: u16 = 100;
/// After how many released webhooks of an endpoint a sweep stops, at the end of a page.
const RELEASED: usize = 250;
/// How many held webhooks are processed concurrently.
const SIDE_BY_SIDE: usize = 8;

pub(crate) async fn delivery(deps: &Deps<'_>, job: JobId, id: WebhookId) -> Result<Done, StoreError> {
    let now = Timestamp::now();
    let Some(mut delivery) = deps.deliveries.load_delivery(job, id).await? else { return Ok(Done::Nothing) };
    let due = delivery.due_at.is_some_and(|at| at <= now) && delivery.readiness(now) == Readiness::Due;
    if !due || delivery.held {
        return Ok(Done::Nothing);
    }
    Span::current().record("traceId", field::display(delivery.trace_id));
    send(deps, &delivery).await?;
    delivery.requeued(now);
    deps.deliveries.save_delivery(&mut delivery).await?;
    info!(attempts = delivery.attempts, "webhook requeued");
    Ok(Done::WebhookSent)
}

async fn send(deps: &Deps<'_>, delivery: &Delivery) -> Result<(), StoreError> {
    let message = WebhookMessage::about(delivery);
    deps.webhook_queue.send_webhook(&message, &delivery.client_id, Duration::ZERO).await
}

pub(crate) async fn endpoint(deps: &Deps<'_>, id: &WebhookEndpointId) -> Result<Done, StoreError> {
    let Some(endpoint) = deps.endpoints.load_endpoint(id).await? else { return Ok(Done::Nothing) };
    match endpoint.next_action(Timestamp::now()) {
        NextAction::None => Ok(Done::Nothing),
        NextAction::Probe => probe(deps, endpoint).await,
        NextAction::Release => release_all(deps, endpoint).await,
    }
}

/// An iteration over the held webhooks of an endpoint, those held longest first. Expired and unreadable
/// webhooks are skipped, so that they do not block the others.
struct HeldDeliveries<'a> {
    deps: &'a Deps<'a>,
    id: WebhookEndpointId,
    after: Option<(Timestamp, DeliveryKey)>,
    /// Whether there may be further webhooks.
    more: bool,
    last_start: Timestamp,
    expired: usize,
    /// How many could not be processed.
    failed: usize,
}

impl<'a> HeldDeliveries<'a> {
    fn of(deps: &'a Deps<'a>, endpoint: &WebhookEndpoint) -> Self {
        let last_start = Timestamp::now() + PER_ROW.mul_f32(0.7);
        Self { deps, id: endpoint.id(), after: None, more: true, last_start, expired: 0, failed: 0 }
    }

    /// Those of the next `limit` webhooks that still exist and are held; `None` after the last, or if the
    /// time is up.
    async fn next(&mut self, limit: u16) -> Result<Option<Vec<Delivery>>, StoreError> {
        if !self.more || Timestamp::now() >= self.last_start {
            return Ok(None);
        }
        let page = self.deps.endpoints.held_deliveries(&self.id, self.after, limit).await?;
        (self.after, self.more) = (page.next, page.next.is_some());
        let deliveries = self.deps.deliveries;
        let load = |key: DeliveryKey| async move { (key, deliveries.load_delivery(key.0, key.1).await) };
        let mut rows = stream::iter(page.keys).map(load).buffered(SIDE_BY_SIDE);
        let mut held = Vec::new();
        while let Some((key, row)) = rows.next().await {
            match row {
                Ok(Some(delivery)) => held.extend(Some(delivery).filter(|delivery| delivery.held)),
                Ok(None) => self.expired += 1,
                Err(error) => self.failed(key, &error),
            }
        }
        Ok(Some(held))
    }

    fn failed(&mut self, (job, id): DeliveryKey, error: &StoreError) {
        warn!(jobId = %job, webhookId = %id, %error, "a held webhook could not be processed");
        self.failed += 1;
    }

    /// Ends the iteration, and returns whether there may be webhooks that were not processed.
    fn end(self) -> bool {
        if self.expired > 0 {
            // They were pending until their jobs expired. No other delivery ends without a last attempt.
            warn!(expired = self.expired, "held webhooks have expired with their jobs");
        }
        self.more || self.failed > 0
    }
}

/// Wakes a sender for the webhook that has been held longest; the sender makes it the daily probe.
async fn probe(deps: &Deps<'_>, mut endpoint: WebhookEndpoint) -> Result<Done, StoreError> {
    let (mut held, mut oldest) = (HeldDeliveries::of(deps, &endpoint), None);
    while oldest.is_none()
        && let Some(page) = held.next(CANDIDATES).await?
    {
        oldest = page.into_iter().next();
    }
    if let Some(delivery) = &oldest {
        // The message comes first: if the function dies in between, the message is sent twice. In the other
        // order it would not be sent at all.
        send(deps, delivery).await?;
    }
    let found = oldest.is_some();
    endpoint.probe_requested(held.end() || found, Timestamp::now(), deps.time_scale);
    deps.endpoints.save_endpoint(&mut endpoint).await?;
    info!(found, "daily probe of a disabled endpoint");
    Ok(if found { Done::WebhookSent } else { Done::Nothing })
}

/// Releases the held webhooks of an endpoint that is enabled again; the next sweep releases the rest.
async fn release_all(deps: &Deps<'_>, mut endpoint: WebhookEndpoint) -> Result<Done, StoreError> {
    let (mut held, mut released) = (HeldDeliveries::of(deps, &endpoint), 0);
    while released < RELEASED
        && let Some(page) = held.next(PAGE).await?
    {
        let mut all =
            stream::iter(page).map(|delivery| release(deps, delivery)).buffer_unordered(SIDE_BY_SIDE);
        while let Some((key, done)) = all.next().await {
            match done {
                Ok(()) => released += 1,
                // A sender is working on it.
                Err(StoreError::Conflict) => {}
                Err(error) => held.failed(key, &error),
            }
        }
    }
    endpoint.held_released(held.end() || released > 0, Timestamp::now());
    deps.endpoints.save_endpoint(&mut endpoint).await?;
    if released > 0 {
        info!(released, "held webhooks released");
    }
    Ok(if released > 0 { Done::WebhookSent } else { Done::Nothing })
}

async fn release(deps: &Deps<'_>, mut delivery: Delivery) -> (DeliveryKey, Result<(), StoreError>) {
    delivery.release(Timestamp::now());
    let saved = deps.deliveries.save_delivery(&mut delivery).await;
    let key = (delivery.job_id, delivery.id);
    if saved.is_err() {
        return (key, saved);
    }
    // From here on the webhook is due like any other; the message only makes its attempt start sooner.
    if let Err(error) = send(deps, &delivery).await {
        warn!(jobId = %key.0, webhookId = %key.1, %error, "the queue did not take the message");
    }
    (key, Ok(()))
}
