//! `Idempotency-Key`: a request that is sent again has no second effect.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::access::principal::Caller;
use crate::primitives::named::InvalidValue;
use crate::primitives::timestamp::Timestamp;

/// How long an idempotency record is valid, from the first use of its key.
pub const IDEMPOTENCY_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// The maximum number of characters of a key.
pub const KEY_LIMIT: usize = 255;

/// An `Idempotency-Key` of one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    caller: Caller,
    key: String,
}

impl IdempotencyKey {
    /// # Errors
    ///
    /// [`InvalidValue`] for anything but 1 to [`KEY_LIMIT`] visible ASCII characters.
    pub fn new(caller: Caller, text: &str) -> Result<Self, InvalidValue> {
        let visible = |byte: u8| byte.is_ascii_graphic();
        if text.is_empty() || text.len() > KEY_LIMIT || !text.bytes().all(visible) {
            return Err(InvalidValue(format!("must have 1 to {KEY_LIMIT} visible ASCII characters")));
        }
        Ok(Self { caller, key: text.to_owned() })
    }

    /// A hash of the caller and the key, in hex. It is different for each pair.
    #[must_use]
    pub fn digest(&self) -> String {
        // The caller's text has no line break, so two different pairs never give the same text.
        let text = format!("{}\n{}", self.caller, self.key);
        crate::primitives::hash::hex(&Sha256::digest(text))
    }
}

/// A hash of the path and the body, in hex. Two requests with the same fingerprint are the same request.
#[must_use]
pub fn fingerprint(path: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(path);
    hash.update("\n");
    hash.update(body);
    crate::primitives::hash::hex(&hash.finalize())
}

/// The response to the first request with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstAnswer {
    /// The HTTP status.
    pub status: u16,
    pub body: String,
    /// The `Location` header, if the response had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// The stored state of an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdempotencyRecord {
    /// The [`fingerprint`] of the request that first used the key.
    pub fingerprint: String,
    /// The ids of everything that the request creates are derived from this seed. A second run, after
    /// the first one died, uses the same seed: it creates the same things, and finds those that already
    /// exist.
    pub seed: Uuid,
    /// The run that holds the key.
    pub owner: Uuid,
    /// Until then that run counts as alive, in Unix ms.
    pub claimed_until: Timestamp,
    /// When the record stops being valid, in Unix ms.
    pub expires_at: Timestamp,
    /// The response, once the run has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<FirstAnswer>,
}

/// How to handle a request with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Run the request, and derive the ids of what it creates from this seed.
    Run(Uuid),
    /// Return the stored response.
    Replay(FirstAnswer),
    /// Another run holds the key until this time.
    InFlight(Timestamp),
    /// The key was used with another request.
    OtherRequest,
}

impl IdempotencyRecord {
    /// Decides how to handle the request `fingerprint`, run by `owner`, when it finds this record and
    /// could not take it over.
    #[must_use]
    pub fn claim(self, fingerprint: &str, owner: Uuid) -> Claim {
        if self.fingerprint != fingerprint {
            return Claim::OtherRequest;
        }
        match self.answer {
            Some(answer) => Claim::Replay(answer),
            // The run's own claim: the store wrote it, but the confirmation was lost.
            None if self.owner == owner => Claim::Run(self.seed),
            None => Claim::InFlight(self.claimed_until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::id::KeyId;

    fn record() -> IdempotencyRecord {
        IdempotencyRecord {
            fingerprint: fingerprint("/a", b"{}"),
            seed: Uuid::now_v7(),
            owner: Uuid::now_v7(),
            claimed_until: Timestamp::from_millis(1000),
            expires_at: Timestamp::from_millis(2000),
            answer: None,
        }
    }

    #[test]
    fn idempotency_key_is_visible_ascii_and_bounded() {
        let caller = Caller::Key(KeyId::new());
        let new = |text: &str| IdempotencyKey::new(caller.clone(), text);
        assert!(new("!").is_ok() && new(&"~".repeat(255)).is_ok());
        for bad in ["", " ", "a b", "ü", "\u{7f}", &"a".repeat(256)] {
            assert!(new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn idempotency_key_digest_differs_between_callers() {
        let digest = |caller| IdempotencyKey::new(caller, "k").unwrap().digest();
        let (first, second) = (Caller::Key(KeyId::new()), Caller::Key(KeyId::new()));
        assert_eq!(digest(first.clone()), digest(first.clone()));
        assert_ne!(digest(first), digest(second));
    }

    #[test]
    fn fingerprint_differs_by_path_and_by_body() {
        let all = [fingerprint("/a", b"{}"), fingerprint("/b", b"{}"), fingerprint("/a", b"{ }")];
        assert!(all[0] != all[1] && all[0] != all[2]);
    }

    #[test]
    fn claim_of_an_existing_record_replays_or_waits() {
        let other = Uuid::now_v7();
        assert_eq!(record().claim("x", other), Claim::OtherRequest);
        let own = record().fingerprint;
        assert_eq!(record().claim(&own, other), Claim::InFlight(Timestamp::from_millis(1000)));
        let lost = record();
        assert_eq!(lost.clone().claim(&own, lost.owner), Claim::Run(lost.seed));
        let answer = FirstAnswer { status: 202, body: "{}".into(), location: None };
        let ended = IdempotencyRecord { answer: Some(answer.clone()), ..record() };
        assert_eq!(ended.claim(&own, other), Claim::Replay(answer));
    }
}
