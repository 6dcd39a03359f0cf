//! The URLs that are switched off, and switching them on.

use domain::Error;
use domain::store::StoreError;
use domain::webhooks::WebhookEndpointId;
use edge::api::webhooks::attempts::{Disabled, parse_enable};
use edge::http::{Answer, Request};
use lambda_http::http::StatusCode;
use tracing::info;

use crate::{Deps, by_key};

/// How often a row is read again when others keep changing it.
const MAX_CONFLICT_RETRIES: usize = 5;
/// How many URLs are shown.
const SHOWN: u16 = 100;

/// `POST /webhooks/enable`. A URL that is on already stays so.
pub(crate) async fn enable(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    by_key(request)?;
    let url = parse_enable(&request.body, deps.reach)?;
    let id = WebhookEndpointId::of(&request.caller()?.client, &url);
    for _ in 0..MAX_CONFLICT_RETRIES {
        let Some(mut endpoint) = deps.endpoints.load_endpoint(&id).await? else {
            return Ok(Answer::empty(StatusCode::NO_CONTENT));
        };
        endpoint.enable(request.now);
        match deps.endpoints.save_endpoint(&mut endpoint).await {
            Ok(()) => {
                info!(client = %id.client, endpoint = id.digest, "URL switched on by hand");
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
    by_key(request)?;
    let endpoints = deps.endpoints.disabled_endpoints(&request.caller()?.client, SHOWN).await?;
    Answer::json(StatusCode::OK, &Disabled::from(endpoints))
}
