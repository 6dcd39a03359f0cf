//! Lists a client's disabled webhook endpoints, and enables them.

use domain::Error;
use domain::store::StoreError;
use domain::webhooks::WebhookEndpointId;
use edge::api::webhooks::attempts::{Disabled, parse_enable};
use edge::http::{Answer, Request};
use http::StatusCode;
use tracing::info;

use crate::{Deps, require_key};

/// How often a row is read again after a conflict with another write.
const MAX_CONFLICT_RETRIES: usize = 5;
/// The maximum number of endpoints in a list.
const MAX_LISTED: u16 = 100;

/// `POST /webhooks/enable`. Has no effect on an endpoint that is enabled already.
pub(crate) async fn enable(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    require_key(request)?;
    let url = parse_enable(&request.body, deps.webhook_url_policy)?;
    let id = WebhookEndpointId::of(&request.caller()?.client, &url);
    for _ in 0..MAX_CONFLICT_RETRIES {
        let Some(mut endpoint) = deps.endpoints.load_endpoint(&id).await? else {
            return Ok(Answer::empty(StatusCode::NO_CONTENT));
        };
        endpoint.enable(request.now);
        match deps.endpoints.save_endpoint(&mut endpoint).await {
            Ok(()) => {
                info!(client = %id.client, endpoint = id.digest, "webhook endpoint enabled by its client");
                return Ok(Answer::empty(StatusCode::NO_CONTENT));
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// `GET /webhooks/disabled`.
pub(crate) async fn disabled(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    require_key(request)?;
    let endpoints = deps.endpoints.disabled_endpoints(&request.caller()?.client, MAX_LISTED).await?;
    Answer::json(StatusCode::OK, &Disabled::from(endpoints))
}
