//! What is stored of an API key: creation, rotation, expiry and revocation.

use crate::access::api_key::{ApiKey, KeyHash};
use crate::access::client::ClientId;
use crate::access::principal::{Caller, Principal};
use crate::access::rate_limit::Limits;
use crate::access::scope::Scope;
use crate::error::Error;
use crate::primitives::id::KeyId;
use crate::primitives::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::time::Duration;

/// What is stored of an API key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRecord {
    /// The public half.
    pub id: KeyId,
    /// What the secret half is checked against.
    pub hash: KeyHash,
    /// Whose key it is.
    pub client_id: ClientId,
    /// A name for people.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is no longer good, if ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl KeyRecord {
    /// The caller that `key` stands for, if it is this key and still good.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthorized`], whatever is wrong with it: a caller learns nothing of a key it does not hold.
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

/// How long a key that has ended still stands in the list.
pub const KEY_RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How long a key may go on at most beside the one that succeeds it.
pub const MAX_OVERLAP: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The most characters of a key's name.
pub const NAME_LIMIT: usize = 100;

/// What a key may do if nobody says what.
pub const DEFAULT_SCOPES: [Scope; 3] = [Scope::Chat, Scope::ImagesWrite, Scope::ImagesRead];

/// A key's name, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is too long, or there is none.
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

/// What anybody may see of a key: not even the hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySummary {
    /// The public half.
    pub id: KeyId,
    /// Whose key it is.
    pub client_id: ClientId,
    /// A name for people.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is no longer good, if ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl KeySummary {
    /// When the key leaves the list, if it ends at all.
    #[must_use]
    pub fn forgotten_at(&self) -> Option<Timestamp> {
        let ends = [self.expires_at, self.revoked_at].into_iter().flatten().min();
        ends.map(|at| at + KEY_RETENTION)
    }
}

impl KeyRecord {
    /// What is stored of a new key that is good until it is ended.
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

    /// Whether it has neither expired nor been revoked.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at) && self.revoked_at.is_none_or(|at| now < at)
    }

    /// What is stored of `key`, which succeeds this one with the same rights, and when this one ends:
    /// after `overlap`, or earlier if it ends earlier by itself.
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

    /// What anybody may see of it.
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

/// Passes if whoever holds `own` may give `granted` to a key: what acts across clients only who has it.
///
/// # Errors
///
/// [`Error::Forbidden`].
pub fn may_grant(own: &[Scope], granted: &[Scope]) -> Result<(), Error> {
    let lacking = |scope: &&Scope| scope.is_operators() && !own.contains(scope);
    match granted.iter().find(lacking) {
        Some(_) => Err(Error::Forbidden("the credential cannot grant a scope of the operator that it lacks")),
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
    fn a_name_is_one_to_a_hundred_characters() {
        for good in ["a", " ", &"ü".repeat(100)] {
            assert!(good.parse::<KeyName>().is_ok(), "{good}");
        }
        for bad in ["", &"a".repeat(101)] {
            assert!(bad.parse::<KeyName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_successor_has_the_same_rights_and_its_own_secret() {
        let (old, key) = (record(), ApiKey::generate());
        let (new, ends) = old.succeeded_by(&key, Duration::from_secs(60), NOW);
        assert_eq!((&new.client_id, &new.name, &new.scopes), (&old.client_id, &old.name, &old.scopes));
        assert!(new.id != old.id && new.hash.matches(&key.hash()));
        assert_eq!(ends, NOW + Duration::from_secs(60));
    }

    #[test]
    fn an_overlap_makes_no_key_live_longer() {
        let soon = NOW + Duration::from_secs(10);
        let old = KeyRecord { expires_at: Some(soon), ..record() };
        assert_eq!(old.succeeded_by(&ApiKey::generate(), MAX_OVERLAP, NOW).1, soon);
    }

    #[test]
    fn a_key_is_forgotten_some_time_after_its_end() {
        assert_eq!(record().summary().forgotten_at(), None);
        let (early, late) = (NOW, NOW + Duration::from_secs(60));
        let ended = KeyRecord { expires_at: Some(late), revoked_at: Some(early), ..record() };
        assert_eq!(ended.summary().forgotten_at(), Some(early + KEY_RETENTION));
    }

    #[test]
    fn nobody_grants_more_across_clients_than_it_has() {
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
    fn only_the_very_key_is_admitted_and_only_while_it_is_good() {
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
