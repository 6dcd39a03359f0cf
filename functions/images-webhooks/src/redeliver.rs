//! Redelivers one webhook, or all webhooks of a time range.

use std::time::Duration;

use domain::store::StoreError;
use domain::webhooks::{Delivery, DeliveryKey, WebhookMessage};
use domain::{Error, Timestamp};
use edge::api::webhooks::attempts::{Range, RangeRedelivered, parse_range};
use edge::api::webhooks::cursor;
use edge::http::{Answer, Request};
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use tracing::{info, warn};

use crate::{Deps, require_key};

/// How often a row is read again after a conflict with another write.
const MAX_CONFLICT_RETRIES: usize = 5;
/// How many webhooks of a range one query returns.
const PAGE_SIZE: u16 = 100;
/// How many webhooks are redelivered concurrently.
const CONCURRENCY: usize = 16;
/// After this time no further webhook is begun. Each takes up to three calls, so that the answer comes within
/// ten seconds even on a busy machine.
const BUDGET: Duration = Duration::from_secs(4);
/// With less than this left before the function's deadline, no further webhook is begun.
const RESERVE: Duration = Duration::from_secs(6);

/// Requests another delivery of the webhook. Returns `false` if it does not exist or is not `wanted`.
pub(crate) async fn redeliver(
    deps: &Deps<'_>,
    (job, id): DeliveryKey,
    wanted: impl Fn(&Delivery) -> bool,
) -> Result<bool, StoreError> {
    for _ in 0..MAX_CONFLICT_RETRIES {
        let Some(mut delivery) = deps.deliveries.load_delivery(job, id).await?.filter(&wanted) else {
            return Ok(false);
        };
        let send_now = delivery.redeliver(Timestamp::now());
        match deps.deliveries.save_delivery(&mut delivery).await {
            Ok(()) if send_now => {
                let message = WebhookMessage::about(&delivery);
                let sent = deps.queue.send_webhook(&message, &delivery.client_id, Duration::ZERO).await;
                if let Err(error) = sent {
                    // The row is due, so the sweeper sends the message half a minute later.
                    warn!(jobId = %job, webhookId = %id, %error, "could not send the webhook's message");
                }
                return Ok(true);
            }
            // An attempt is under way: its sender redelivers when the outcome is known.
            Ok(()) => return Ok(true),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict)
}

/// `POST /webhooks/redeliver`.
pub(crate) async fn redeliver_range(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    require_key(request)?;
    let range = parse_range(&request.body)?;
    let last_start = (request.now + BUDGET).min(request.deadline - RESERVE);
    let done = redeliver_until(deps, request, range, last_start).await?;
    info!(count = done.count, more = done.next_cursor.is_some(), "redelivery of a range requested");
    Answer::json(StatusCode::ACCEPTED, &done)
}

/// Redelivers `range` in the order of its index. Begins with the first webhook in any case, and with no other
/// after `last_start`.
async fn redeliver_until(
    deps: &Deps<'_>,
    request: &Request,
    range: Range,
    last_start: Timestamp,
) -> Result<RangeRedelivered, Error> {
    let client = &request.caller()?.client;
    let wanted = |delivery: &Delivery| {
        delivery.client_id == *client && range.state.is_none_or(|state| state == delivery.state.into())
    };
    let (mut count, mut done) = (0, range.after);
    loop {
        let page = deps.list.deliveries_between(client, range.since, range.until, done, PAGE_SIZE).await;
        let page = match page {
            Ok(page) => page,
            // What is done is done: the caller goes on from there.
            Err(error) if done != range.after => return Ok(stopped(count, done, &error)),
            Err(error) => return Err(error.into()),
        };
        let first = page.keys.first().copied().filter(|_| done == range.after);
        let one = |key: DeliveryKey| async move {
            if Some(key) != first && Timestamp::now() >= last_start {
                return (key, None);
            }
            (key, Some(redeliver(deps, key, wanted).await))
        };
        // In their order, so that everything before the last one is done.
        let mut redeliveries = stream::iter(page.keys).map(one).buffered(CONCURRENCY);
        while let Some((key, outcome)) = redeliveries.next().await {
            match outcome {
                None => return Ok(RangeRedelivered { count, next_cursor: done.map(cursor::encode) }),
                Some(Ok(existed)) => count += u32::from(existed),
                // It must not stop the others for ever.
                Some(Err(StoreError::Unreadable(cause))) => {
                    warn!(jobId = %key.0, webhookId = %key.1, %cause, "a webhook was not redelivered");
                }
                Some(Err(error)) if done != range.after => return Ok(stopped(count, done, &error)),
                Some(Err(error)) => return Err(error.into()),
            }
            done = Some(key);
        }
        let Some(next) = page.next else { return Ok(RangeRedelivered { count, next_cursor: None }) };
        done = Some(next);
    }
}

/// The answer if a store failed after some webhooks were redelivered. The caller's next request meets the
/// failure if it lasts.
fn stopped(count: u32, done: Option<DeliveryKey>, error: &StoreError) -> RangeRedelivered {
    warn!(count, %error, "the redelivery of a range stopped early");
    RangeRedelivered { count, next_cursor: done.map(cursor::encode) }
}
