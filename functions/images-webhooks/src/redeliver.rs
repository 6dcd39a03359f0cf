//! Redelivers one webhook, or all webhooks of a time range.

use std::time::Duration;

use domain::store::StoreError;
use domain::webhooks::{Delivery, DeliveryKey, WebhookMessage};
use domain::{Error, Timestamp};
use edge::api::webhooks::attempts::{Range, RangeRedelivered, parse_range};
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
/// With less than this left before the function's deadline, no further page is started.
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
    let done = redeliver_until(deps, request, range, request.deadline - RESERVE).await?;
    info!(count = done.count, more = done.next.is_some(), "redelivery of a range requested");
    Answer::json(StatusCode::ACCEPTED, &done)
}

/// Redelivers `range` page by page. The first page is always done; no further page starts after `last_start`.
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
    let (mut count, mut after) = (0, None);
    loop {
        let page = deps.list.deliveries_between(client, range.since, range.until, after, PAGE_SIZE).await?;
        let mut redeliveries =
            stream::iter(page.keys).map(|key| redeliver(deps, key, wanted)).buffer_unordered(CONCURRENCY);
        while let Some(existed) = redeliveries.next().await {
            count += u32::from(existed?);
        }
        let Some(next) = page.next else { return Ok(RangeRedelivered { count, next: None }) };
        // The next call continues from the time in the webhook's id (UUID v7). Webhooks of the same
        // millisecond are redelivered again: twice is better than never. If the time has not advanced beyond
        // the start of the range, such a call would repeat this one, so the loop goes on.
        let resume_at = next.1.at().filter(|at| *at > range.since && Timestamp::now() >= last_start);
        if resume_at.is_some() {
            return Ok(RangeRedelivered { count, next: resume_at });
        }
        after = Some(next);
    }
}
