//! Sending webhooks again.

use std::time::Duration;

use domain::store::StoreError;
use domain::webhooks::{Delivery, DeliveryKey, WebhookMessage};
use domain::{Error, Timestamp};
use edge::api::webhooks::attempts::{Range, RangeRedelivered, parse_range};
use edge::http::{Answer, Request};
use futures_util::{StreamExt as _, stream};
use lambda_http::http::StatusCode;
use tracing::{info, warn};

use crate::{Deps, by_key};

/// How often a row is read again when others keep changing it.
const MAX_CONFLICT_RETRIES: usize = 5;
/// How many webhooks of a range are looked up in one go.
const PAGE: u16 = 100;
/// How many of them are seen to side by side.
const SIDE_BY_SIDE: usize = 16;
/// What is left of a function's time when it begins no further page.
const RESERVE: Duration = Duration::from_secs(6);

/// Has the webhook sent once more, if it is one that is `wanted`; says whether there is such a one.
pub(crate) async fn send(
    deps: &Deps<'_>,
    (job, id): DeliveryKey,
    wanted: impl Fn(&Delivery) -> bool,
) -> Result<bool, StoreError> {
    for _ in 0..MAX_CONFLICT_RETRIES {
        let Some(mut delivery) = deps.deliveries.load_delivery(job, id).await?.filter(&wanted) else {
            return Ok(false);
        };
        let max_concurrent = delivery.redeliver(Timestamp::now());
        match deps.deliveries.save_delivery(&mut delivery).await {
            Ok(()) if max_concurrent => {
                let message = WebhookMessage::about(&delivery);
                let sent = deps.queue.send_webhook(&message, &delivery.client_id, Duration::ZERO).await;
                if let Err(error) = sent {
                    // The row is due: the sweeper sends the message half a minute later.
                    warn!(jobId = %job, webhookId = %id, %error, "the message was not taken");
                }
                return Ok(true);
            }
            // Its sender sees to it, once what came of its try is known.
            Ok(()) => return Ok(true),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict)
}

/// `POST /webhooks/redeliver`.
pub(crate) async fn range(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    by_key(request)?;
    let range = parse_range(&request.body)?;
    let done = range_until(deps, request, range, request.deadline - RESERVE).await?;
    info!(count = done.count, more = done.next.is_some(), "webhooks sent again by hand");
    Answer::json(StatusCode::ACCEPTED, &done)
}

/// Sends all of `range` again that can be begun before `last_start`, a first page in any case.
async fn range_until(
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
        let page = deps.list.deliveries_between(client, range.since, range.until, after, PAGE).await?;
        let mut all =
            stream::iter(page.keys).map(|key| send(deps, key, wanted)).buffer_unordered(SIDE_BY_SIDE);
        while let Some(again) = all.next().await {
            count += u32::from(again?);
        }
        let Some(next) = page.next else { return Ok(RangeRedelivered { count, next: None }) };
        // A webhook's id tells its time. Those of the same millisecond come once more: better twice than
        // never, and unless all are of one it goes on.
        let at = next.1.at().filter(|at| *at > range.since && Timestamp::now() >= last_start);
        if at.is_some() {
            return Ok(RangeRedelivered { count, next: at });
        }
        after = Some(next);
    }
}
