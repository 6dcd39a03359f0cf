//! `Idempotency-Key`: the same request, sent again, has no second effect.

use crate::access::principal::Caller;
use crate::primitives::named::InvalidValue;
use crate::primitives::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use uuid::Uuid;

/// How long a key is remembered, from its first use.
pub const IDEMPOTENCY_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// The most characters that a key may have.
pub const KEY_LIMIT: usize = 255;

/// One caller's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    caller: Caller,
    key: String,
}

impl IdempotencyKey {
    /// The key `text` of `caller`.
    ///
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

    /// A short name for the caller and the key, different for each pair.
    #[must_use]
    pub fn digest(&self) -> String {
        // The caller's text holds no line break, so no two pairs run together into the same text.
        let text = format!("{}\n{}", self.caller, self.key);
        crate::primitives::hash::hex(&Sha256::digest(text))
    }
}

/// What tells one request from another: where it went and every byte of it.
#[must_use]
pub fn fingerprint(path: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(path);
    hash.update("\n");
    hash.update(body);
    crate::primitives::hash::hex(&hash.finalize())
}

/// The answer that the first request with a key got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstAnswer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
    /// Its `Location`, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdempotencyRecord {
    /// Which request it was first used with.
    pub fingerprint: String,
    /// What everything is named after that the request makes. It outlives the function that began
    /// it, so that a second run makes the same things, and finds those that are there already.
    pub seed: Uuid,
    /// Which run holds it.
    pub owner: Uuid,
    /// Until when that run is thought to be alive.
    pub claimed_until: Timestamp,
    /// When the key is forgotten.
    pub expires_at: Timestamp,
    /// How it ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<FirstAnswer>,
}

/// What a request with a key is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Run, and name what it makes after this.
    Run(Uuid),
    /// Answer the same again.
    Replay(FirstAnswer),
    /// Another run holds the key until then.
    InFlight(Timestamp),
    /// The key stands for another request.
    OtherRequest,
}

impl IdempotencyRecord {
    /// What the request `fingerprint`, run by `owner`, is to do when it finds this record, which it
    /// could not take over.
    #[must_use]
    pub fn claim(self, fingerprint: &str, owner: Uuid) -> Claim {
        if self.fingerprint != fingerprint {
            return Claim::OtherRequest;
        }
        match self.answer {
            Some(answer) => Claim::Replay(answer),
            // Its own claim, whose confirmation was lost on the way.
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
    fn a_key_is_visible_and_bounded() {
        let caller = Caller::Key(KeyId::new());
        let new = |text: &str| IdempotencyKey::new(caller.clone(), text);
        assert!(new("!").is_ok() && new(&"~".repeat(255)).is_ok());
        for bad in ["", " ", "a b", "ü", "\u{7f}", &"a".repeat(256)] {
            assert!(new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_callers_never_share_a_key() {
        let digest = |caller| IdempotencyKey::new(caller, "k").unwrap().digest();
        let (one, other) = (Caller::Key(KeyId::new()), Caller::Key(KeyId::new()));
        assert_eq!(digest(one.clone()), digest(one.clone()));
        assert_ne!(digest(one), digest(other));
    }

    #[test]
    fn path_and_body_tell_requests_apart() {
        let all = [fingerprint("/a", b"{}"), fingerprint("/b", b"{}"), fingerprint("/a", b"{ }")];
        assert!(all[0] != all[1] && all[0] != all[2]);
    }

    #[test]
    fn who_meets_a_record_waits_or_repeats_it() {
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
