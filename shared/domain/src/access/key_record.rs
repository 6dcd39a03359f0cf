//! The stored record of an API key: creation, rotation, expiry and revocation.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::access::api_key::{ApiKey, KeyHash};
use crate::access::client::ClientId;
use crate::access::principal::{Caller, Principal};
use crate::access::rate_limit::Limits;
use crate::access::scope::Scope;
use crate::error::Error;
use crate::primitives::id::KeyId;
use crate::primitives::named::known_values;
use crate::primitives::timestamp::Timestamp;

/// The stored record of an API key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRecord {
    /// The public half of the key.
    pub id: KeyId,
    pub hash: KeyHash,
    pub client_id: ClientId,
    /// A name for people.
    pub name: String,
    /// Those of a newer release are left out: the key allows less, but it works.
    #[serde(deserialize_with = "known_values")]
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
    /// The key is invalid from this time on. `None`: it never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// `None`: the key is not revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl KeyRecord {
    /// Authenticates the caller that sent `key`: it must be this key, and neither expired nor revoked.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthorized`], whatever the reason: a caller learns nothing about a key that it does not
    /// hold.
    pub fn admit(&self, key: &ApiKey, now: Timestamp) -> Result<Principal, Error> {
        if !self.hash.matches(&key.hash()) || !self.is_good(now) {
            return Err(Error::Unauthorized);
        }
        Ok(Principal {
            client: self.client_id.clone(),
            scopes: self.scopes.clone(),
            user: None,
            caller: Caller::Key(self.id),
            limits: Limits::default(),
        })
    }
}

/// How long the list of keys still shows a key after it expired or was revoked.
pub const KEY_RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The maximum time for which an old key stays valid after its successor is created.
pub const MAX_OVERLAP: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The maximum number of characters of a key's name.
pub const NAME_LIMIT: usize = 100;

/// The scopes of a new key when the request names none.
pub const DEFAULT_SCOPES: [Scope; 3] = [Scope::Chat, Scope::ImagesWrite, Scope::ImagesRead];

/// A key's name, for people: 1 to [`NAME_LIMIT`] characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is empty or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {NAME_LIMIT} characters")]
pub struct NotAName;

impl FromStr for KeyName {
    type Err = NotAName;
    fn from_str(text: &str) -> Result<Self, NotAName> {
        match (1..=NAME_LIMIT).contains(&text.chars().count()) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotAName),
        }
    }
}

/// The parts of a key's record that a list may show. The hash of the secret is not one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySummary {
    /// The public half of the key.
    pub id: KeyId,
    pub client_id: ClientId,
    /// A name for people.
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
    /// The key is invalid from this time on. `None`: it never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// `None`: the key is not revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl KeySummary {
    /// Whether the key has neither expired nor been revoked at `now`.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at) && self.revoked_at.is_none_or(|at| now < at)
    }

    /// When the key leaves the list: [`KEY_RETENTION`] after it expires or is revoked, whichever is
    /// earlier. `None` if it does neither.
    #[must_use]
    pub fn forgotten_at(&self) -> Option<Timestamp> {
        let ends = [self.expires_at, self.revoked_at].into_iter().flatten().min();
        ends.map(|at| at + KEY_RETENTION)
    }
}

impl KeyRecord {
    /// The record of a new key that does not expire.
    #[must_use]
    pub fn new(key: &ApiKey, client: ClientId, name: KeyName, scopes: Vec<Scope>, now: Timestamp) -> Self {
        Self {
            id: key.id(),
            hash: key.hash(),
            client_id: client,
            name: name.0,
            scopes,
            created_at: now,
            expires_at: None,
            revoked_at: None,
        }
    }

    /// Whether the key has neither expired nor been revoked at `now`.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at) && self.revoked_at.is_none_or(|at| now < at)
    }

    /// Returns the record of `key`, the successor of this key with the same scopes, and the time when
    /// this key expires: after `overlap`, or earlier if it expires earlier anyway.
    #[must_use]
    pub fn succeeded_by(&self, key: &ApiKey, overlap: Duration, now: Timestamp) -> (Self, Timestamp) {
        let new = Self {
            id: key.id(),
            hash: key.hash(),
            client_id: self.client_id.clone(),
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            created_at: now,
            expires_at: None,
            revoked_at: None,
        };
        let ends = now + overlap;
        (new, self.expires_at.map_or(ends, |at| at.min(ends)))
    }

    #[must_use]
    pub fn summary(&self) -> KeySummary {
        KeySummary {
            id: self.id,
            client_id: self.client_id.clone(),
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        }
    }
}

/// Checks that a caller with the scopes `own` may give the scopes `granted` to a key. A scope that acts
/// across clients may be granted only by a caller that has it.
///
/// # Errors
///
/// [`Error::Forbidden`] if the caller lacks one of those scopes.
pub fn may_grant(own: &[Scope], granted: &[Scope]) -> Result<(), Error> {
    let lacking = |scope: &&Scope| scope.is_operators() && !own.contains(scope);
    match granted.iter().find(lacking) {
        Some(_) => {
            Err(Error::Forbidden("the credential cannot grant a scope of the operator that it lacks".into()))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn record() -> KeyRecord {
        let name = "test".parse().unwrap();
        KeyRecord::new(&ApiKey::generate(), "acme".parse().unwrap(), name, DEFAULT_SCOPES.to_vec(), NOW)
    }

    #[test]
    fn key_name_has_one_to_a_hundred_characters() {
        for good in ["a", " ", &"ü".repeat(100)] {
            assert!(good.parse::<KeyName>().is_ok(), "{good}");
        }
        for bad in ["", &"a".repeat(101)] {
            assert!(bad.parse::<KeyName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn successor_has_the_same_scopes_and_its_own_secret() {
        let (old, key) = (record(), ApiKey::generate());
        let (new, ends) = old.succeeded_by(&key, Duration::from_secs(60), NOW);
        assert_eq!((&new.client_id, &new.name, &new.scopes), (&old.client_id, &old.name, &old.scopes));
        assert!(new.id != old.id && new.hash.matches(&key.hash()));
        assert_eq!(ends, NOW + Duration::from_secs(60));
    }

    #[test]
    fn overlap_never_extends_the_life_of_a_key() {
        let soon = NOW + Duration::from_secs(10);
        let old = KeyRecord { expires_at: Some(soon), ..record() };
        assert_eq!(old.succeeded_by(&ApiKey::generate(), MAX_OVERLAP, NOW).1, soon);
    }

    #[test]
    fn ended_key_is_forgotten_after_the_retention_time() {
        assert_eq!(record().summary().forgotten_at(), None);
        let (early, late) = (NOW, NOW + Duration::from_secs(60));
        let ended = KeyRecord { expires_at: Some(late), revoked_at: Some(early), ..record() };
        assert_eq!(ended.summary().forgotten_at(), Some(early + KEY_RETENTION));
    }

    #[test]
    fn grant_of_an_operator_scope_requires_that_scope() {
        assert!(may_grant(&[Scope::KeysAdmin], &[Scope::KeysAdmin, Scope::Chat]).is_ok());
        assert!(may_grant(&[Scope::ClientsAdmin], &[Scope::ClientsAdmin]).is_ok());
        assert!(may_grant(&[Scope::ClientsAdmin], &[Scope::AddonsAdmin]).is_err());
    }

    fn record_of(key: &ApiKey) -> KeyRecord {
        KeyRecord {
            id: key.id(),
            hash: key.hash(),
            client_id: "acme".parse().unwrap(),
            name: "test".into(),
            scopes: vec![Scope::Chat],
            created_at: Timestamp::from_millis(0),
            expires_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn admit_rejects_other_expired_and_revoked_keys() {
        let (key, now) = (ApiKey::generate(), Timestamp::from_millis(1000));
        let good = record_of(&key);
        assert!(good.admit(&key, now).is_ok());

        let mut other = key.expose().to_owned();
        let last = if other.pop() == Some('A') { 'B' } else { 'A' };
        other.push(last);
        assert!(good.admit(&other.parse().unwrap(), now).is_err());

        assert!(KeyRecord { expires_at: Some(now), ..record_of(&key) }.admit(&key, now).is_err());
        assert!(KeyRecord { revoked_at: Some(now), ..record_of(&key) }.admit(&key, now).is_err());
    }
}
