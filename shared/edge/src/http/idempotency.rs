//! `Idempotency-Key`: a repeated request gets the first response again and is not executed twice.

use ::http::{HeaderName, StatusCode, header};
use domain::access::{Claim, FirstAnswer, IdempotencyStore};
use domain::primitives::source::new_uuid;
use domain::{Error, Timestamp};
use tracing::warn;
use uuid::Uuid;

use crate::http::answer::Answer;
use crate::http::request::Request;

/// Marks a response that was stored for an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Runs `make` with visible effects at most once for each `Idempotency-Key` and request. If a run crashes,
/// a repeated request runs `make` again with the same seed, so that it finds what the first run created.
///
/// Call this after the request has been validated: an invalid request does not use up its key.
///
/// # Errors
///
/// The error of `make`; [`Error::IdempotencyInFlight`], [`Error::IdempotencyMismatch`], or
/// [`Error::Unavailable`] if the store does not answer.
pub async fn once(
    store: &dyn IdempotencyStore,
    request: &Request,
    make: impl AsyncFnOnce(Uuid) -> Result<Answer, Error>,
) -> Result<Answer, Error> {
    let Some(key) = request.idempotency_key()? else { return make(new_uuid()).await };
    let owner = request.trace_id.uuid();
    // The claim lasts until Lambda ends this function.
    let until = request.deadline;
    let seed = match store.claim(&key, &request.fingerprint(), owner, request.now, until).await? {
        Claim::Run(seed) => seed,
        Claim::Replay(first) => return replay(first),
        Claim::InFlight(until) => {
            let retry_after = until.since(Timestamp::now());
            return Err(Error::IdempotencyInFlight { retry_after });
        }
        Claim::OtherRequest => return Err(Error::IdempotencyMismatch),
    };
    let outcome = make(seed).await;
    let stored = match &outcome {
        Ok(answer) => store.settle(&key, owner, &first(answer)?).await,
        // A store may have done the write although it reported an error, so the seed stays.
        Err(Error::Unavailable { .. } | Error::Internal { .. }) => store.release(&key, owner).await,
        // All other errors occur before anything is created. The seed contains a creation time, so a
        // later request needs a new one.
        Err(_) => store.forget(&key, owner).await,
    };
    if let Err(error) = stored {
        // The key stays in flight until the claim expires. Then a repeated request runs with the same seed.
        warn!(%error, "the outcome of a request with an Idempotency-Key could not be stored");
    }
    outcome
}

fn first(answer: &Answer) -> Result<FirstAnswer, Error> {
    let location = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    Ok(FirstAnswer {
        status: answer.status.as_u16(),
        body: String::from_utf8(answer.body.clone()).map_err(Error::internal)?,
        location: location.map(str::to_owned),
    })
}

fn replay(first: FirstAnswer) -> Result<Answer, Error> {
    let mut answer = Answer::empty(StatusCode::from_u16(first.status).map_err(Error::internal)?);
    answer.body = first.body.into_bytes();
    if let Some(location) = first.location {
        answer = answer.with(header::LOCATION, &location);
    }
    Ok(answer.with(REPLAYED, "true"))
}
