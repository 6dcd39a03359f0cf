//! What is known of a delivery's URL: whether it may be tried, and what a try teaches of it.

use domain::Timestamp;
use domain::store::StoreError;
use domain::webhooks::{Delivery, WebhookEndpoint, WebhookEndpointId};
use tracing::{info, warn};

use crate::Deps;

/// How often a sender reads again when others keep changing the row before it does.
const MAX_CONFLICT_RETRIES: u32 = 10;

/// Whether the delivery may be tried: its URL is on, or somebody wants it tried all the same, or it is
/// the one that is tried today.
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
                info!("the URL is switched off; this is its try of the day");
                return Ok(true);
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    // Others are at it: one of them makes the try.
    Ok(false)
}

/// A try has failed. Says whether the URL is switched off by now.
pub(crate) async fn failed(deps: &Deps<'_>, delivery: &Delivery) -> bool {
    let now = Timestamp::now();
    let learned = learn(deps, delivery, |endpoint| endpoint.record_failure(now, deps.time_scale)).await;
    learned.is_some_and(|endpoint| endpoint.is_disabled())
}

/// A try has succeeded.
pub(crate) async fn succeeded(deps: &Deps<'_>, delivery: &Delivery) {
    let now = Timestamp::now();
    learn(deps, delivery, |endpoint| endpoint.enable(now)).await;
}

/// Changes what is known of the delivery's URL, if that is a change. If the row cannot be written, it
/// is the next try that teaches the same.
async fn learn(
    deps: &Deps<'_>,
    delivery: &Delivery,
    change: impl Fn(&mut WebhookEndpoint),
) -> Option<WebhookEndpoint> {
    let id = WebhookEndpointId::of(&delivery.client_id, &delivery.url);
    for _ in 0..MAX_CONFLICT_RETRIES {
        let learned = async {
            let known = deps.endpoints.load_endpoint(&id).await?;
            let blank = || WebhookEndpoint::new(id.client.clone(), delivery.url.clone(), Timestamp::now());
            let known = known.unwrap_or_else(blank);
            let mut learned = known.clone();
            change(&mut learned);
            if learned != known {
                deps.endpoints.save_endpoint(&mut learned).await?;
                if learned.is_disabled() != known.is_disabled() {
                    info!(off = learned.is_disabled(), host = delivery.url.url().host_str(), "URL switched");
                }
            }
            Ok(learned)
        };
        match learned.await {
            Ok(learned) => return Some(learned),
            Err(StoreError::Conflict) => {}
            Err(StoreError::Unavailable(cause)) => {
                warn!(cause, "what is known of the URL could not be read or written");
                return None;
            }
        }
    }
    None
}
