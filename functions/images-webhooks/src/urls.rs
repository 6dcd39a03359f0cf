//! The URLs that are switched off, and switching them on.

use domain::Error;
use domain::store::StoreError;
use domain::webhooks::ReceiverId;
use edge::api::webhooks::attempts::{Disabled, parse_enable};
use edge::http::{Answer, Request};
use lambda_http::http::StatusCode;
use tracing::info;

use crate::{Deps, by_key};

/// How often a row is read again when others keep changing it.
const RACES: usize = 5;
/// How many URLs are shown.
const SHOWN: u16 = 100;

/// `POST /webhooks/enable`. A URL that is on already stays so.
pub(crate) async fn enable(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    by_key(request)?;
    let url = parse_enable(&request.body, deps.reach)?;
    let id = ReceiverId::of(&request.caller()?.client, &url);
    for _ in 0..RACES {
        let Some(mut receiver) = deps.receivers.load_receiver(&id).await? else {
            return Ok(Answer::empty(StatusCode::NO_CONTENT));
        };
        receiver.switch_on(request.now);
        match deps.receivers.save_receiver(&mut receiver).await {
            Ok(()) => {
                info!(client = %id.client, receiver = id.digest, "URL switched on by hand");
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
    let receivers = deps.receivers.switched_off(&request.caller()?.client, SHOWN).await?;
    Answer::json(StatusCode::OK, &Disabled::from(receivers))
}
