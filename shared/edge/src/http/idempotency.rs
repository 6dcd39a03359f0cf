//! `Idempotency-Key`: a request that is sent again is answered again, and does nothing twice.

use ::http::{HeaderName, StatusCode, header};
use domain::access::{Claim, FirstAnswer, IdempotencyStore};
use domain::{Error, Timestamp};
use tracing::warn;
use uuid::Uuid;

use crate::http::answer::Answer;
use crate::http::request::Request;

/// Says that the answer is that of an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Runs `make` at most once for each `Idempotency-Key` and request, as far as anybody can see: a run
/// that died is run again with the same seed, by which it finds what was made already.
///
/// To be called when the request is known to be good: a refused one does not use up its key.
///
/// # Errors
///
/// That of `make`; [`Error::IdempotencyInFlight`], [`Error::IdempotencyMismatch`], or
/// [`Error::Unavailable`] if nothing can be learnt of the key.
pub async fn once(
    store: &dyn IdempotencyStore,
    request: &Request,
    make: impl AsyncFnOnce(Uuid) -> Result<Answer, Error>,
) -> Result<Answer, Error> {
    let Some(key) = request.idempotency_key()? else { return make(Uuid::now_v7()).await };
    let owner = request.trace_id.uuid();
    // Alive for as long as Lambda lets this function be.
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
    let kept = match &outcome {
        Ok(answer) => store.settle(&key, owner, &first(answer)?).await,
        // What was asked of a store may have been done, whatever it said.
        Err(Error::Unavailable { .. } | Error::Internal { .. }) => store.release(&key, owner).await,
        // Everything else is found out before anything is made. A seed tells when its things were
        // made, so a later try needs a new one.
        Err(_) => store.forget(&key, owner).await,
    };
    if let Err(error) = kept {
        // Until the claim lapses the key is in flight; then the request runs again, by its seed.
        warn!(%error, "the end of a request with an Idempotency-Key could not be kept");
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
