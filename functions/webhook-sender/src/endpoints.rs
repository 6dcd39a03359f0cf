//! The endpoint of a delivery: whether an attempt is allowed, and how its result changes the endpoint.

use domain::Timestamp;
use domain::store::StoreError;
use domain::webhooks::{Delivery, WebhookEndpoint, WebhookEndpointId};
use tracing::{info, warn};

use crate::Deps;

/// How often a sender reads the row again after a write conflict.
const MAX_CONFLICT_RETRIES: u32 = 10;

/// Whether the delivery may be attempted: its endpoint is enabled, or the client asked for a redelivery, or
/// this attempt becomes the daily probe of the disabled endpoint.
pub(crate) async fn may_attempt(deps: &Deps<'_>, delivery: &Delivery) -> Result<bool, StoreError> {
    let id = WebhookEndpointId::of(&delivery.client_id, &delivery.url);
    for _ in 0..MAX_CONFLICT_RETRIES {
        let Some(mut endpoint) = deps.endpoints.load_endpoint(&id).await? else { return Ok(true) };
        if !endpoint.is_disabled() || delivery.bypass_disabled {
            return Ok(true);
        }
        if !endpoint.claim_probe(Timestamp::now(), deps.time_scale) {
            return Ok(false);
        }
        match deps.endpoints.save_endpoint(&mut endpoint).await {
            Ok(()) => {
                info!("the endpoint is disabled; this attempt is its daily probe");
                return Ok(true);
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    // Other senders keep changing the row: one of them makes the probe.
    Ok(false)
}

/// Records a failed attempt. Returns whether the endpoint is disabled now.
pub(crate) async fn failed(deps: &Deps<'_>, delivery: &Delivery) -> bool {
    let now = Timestamp::now();
    let updated = update(deps, delivery, |endpoint| endpoint.record_failure(now, deps.time_scale)).await;
    updated.is_some_and(|endpoint| endpoint.is_disabled())
}

/// Records a successful attempt.
pub(crate) async fn succeeded(deps: &Deps<'_>, delivery: &Delivery) {
    let now = Timestamp::now();
    update(deps, delivery, |endpoint| endpoint.enable(now)).await;
}

/// Applies `change` to the row of the delivery's endpoint, and saves it if it changed. If the row cannot be
/// written, the next attempt changes it.
async fn update(
    deps: &Deps<'_>,
    delivery: &Delivery,
    change: impl Fn(&mut WebhookEndpoint),
) -> Option<WebhookEndpoint> {
    let id = WebhookEndpointId::of(&delivery.client_id, &delivery.url);
    for _ in 0..MAX_CONFLICT_RETRIES {
        let saved = async {
            let known = deps.endpoints.load_endpoint(&id).await?;
            let blank = || WebhookEndpoint::new(id.client.clone(), delivery.url.clone(), Timestamp::now());
            let known = known.unwrap_or_else(blank);
            let mut updated = known.clone();
            change(&mut updated);
            if updated != known {
                deps.endpoints.save_endpoint(&mut updated).await?;
                if updated.is_disabled() != known.is_disabled() {
                    let host = delivery.url.url().host_str();
                    info!(disabled = updated.is_disabled(), host, "endpoint changed");
                }
            }
            Ok(updated)
        };
        match saved.await {
            Ok(updated) => return Some(updated),
            Err(StoreError::Conflict) => {}
            Err(error) => {
                warn!(%error, "the row of the endpoint could not be read or written");
                return None;
            }
        }
    }
    None
}
