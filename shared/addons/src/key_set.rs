//! The document of the keys that sign addons, as a deployment's secret holds it:
//! `{"keys": [{"kid", "key", "createdAt", "expiresAt"?}], "retired"?: ["x", …]}`, with `key` in base64 of PKCS #8.
//! Of a key that has expired only the public half stays: versions that it signed are known by it, and signed anew.
//!
//! Times are in Unix ms (milliseconds since 1970, UTC), and RFC 3339 in the document. No error and no `Debug` shows
//! a key.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::signature::{PublicKey, SigningKey};

const RFC3339_MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A document that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeySet {
    #[error(r#"must be JSON such as {{"keys": [{{"kid": "…", "key": "…", "createdAt": "2026-01-01T00:00:00Z"}}]}}"#)]
    Form,
    #[error("keys[{0}].key must be an Ed25519 key, as base64 of PKCS #8")]
    Key(usize),
    #[error("keys[{0}].kid must be the thumbprint of its key (RFC 7638)")]
    Kid(usize),
    #[error("keys[{0}] is a key that is listed before")]
    Repeated(usize),
    #[error("keys[{0}].createdAt must be a time such as 2026-01-01T00:00:00Z")]
    CreatedAt(usize),
    #[error("keys[{0}].expiresAt must be a time such as 2026-01-01T00:00:00Z")]
    ExpiresAt(usize),
}

/// The keys of a deployment, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<StoredKey>,
    retired: Vec<PublicKey>,
}

/// A key with its times.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    pkcs8: Vec<u8>,
    public: PublicKey,
    created_at: i64,
    expires_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    keys: Vec<Entry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    kid: String,
    key: String,
    created_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl KeySet {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// If it has another form, or one of its keys cannot be used.
    pub fn parse(json: &str) -> Result<Self, InvalidKeySet> {
        // The error of `serde_json` could quote a key.
        let document: Document = serde_json::from_str(json).map_err(|_| InvalidKeySet::Form)?;
        let mut keys: Vec<StoredKey> = Vec::with_capacity(document.keys.len());
        for (index, entry) in document.keys.iter().enumerate() {
            let key = StoredKey::read(index, entry)?;
            if keys.iter().any(|other| other.public == key.public) {
                return Err(InvalidKeySet::Repeated(index));
            }
            keys.push(key);
        }
        keys.sort_by_key(|key| key.created_at);
        let retired = document.retired.into_iter().map(|x| PublicKey { x }).collect();
        Ok(Self { keys, retired })
    }

    /// The document. It holds the private keys.
    #[must_use]
    pub fn to_json(&self) -> String {
        let keys = self.keys.iter().map(StoredKey::entry).collect();
        // Serializing text cannot fail.
        let retired = self.retired.iter().map(|key| key.x.clone()).collect();
        serde_json::to_string(&Document { keys, retired }).unwrap_or_default()
    }

    /// All keys, the expired ones too.
    #[must_use]
    pub fn keys(&self) -> &[StoredKey] {
        &self.keys
    }

    /// The keys that sign at `now`: all that are not expired.
    #[must_use]
    pub fn signing_keys(&self, now: i64) -> Vec<SigningKey> {
        // Each key was read once already, when the document was.
        self.valid_at(now).filter_map(|key| SigningKey::from_pkcs8(&key.pkcs8).ok()).collect()
    }

    /// The public halves of the keys that sign at `now`, in the same order.
    #[must_use]
    pub fn public_keys(&self, now: i64) -> Vec<PublicKey> {
        self.valid_at(now).map(|key| key.public.clone()).collect()
    }

    /// The public halves of all keys that there ever were, which tell what was signed here.
    pub fn known_keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter().map(|key| &key.public).chain(&self.retired)
    }

    /// Adds the key of 32 random bytes, and lets the older ones expire after `overlap`, or earlier if they would
    /// anyway. Of those that have expired only the public half stays; after no overlap, of all.
    #[must_use]
    pub fn with_new_key(&self, seed: &[u8; 32], now: i64, overlap: Duration) -> Self {
        let pkcs8 = SigningKey::pkcs8(seed);
        // The key of any 32 bytes can be read.
        let Ok(key) = SigningKey::from_pkcs8(&pkcs8) else { return self.clone() };
        let public = key.public_key();
        let end = now.saturating_add(i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX));
        let older = self.valid_at(now).filter(|key| key.public != public).cloned().map(|key| StoredKey {
            expires_at: Some(key.expires_at.map_or(end, |expires_at| expires_at.min(end))),
            ..key
        });
        let mut keys: Vec<_> = older.filter(|key| key.is_valid_at(now)).collect();
        keys.push(StoredKey { pkcs8, public, created_at: now, expires_at: None });
        let kept = |key: &PublicKey| keys.iter().any(|kept| kept.public == *key);
        let retired = self.known_keys().filter(|key| !kept(key)).cloned().collect();
        Self { keys, retired }
    }

    fn valid_at(&self, now: i64) -> impl Iterator<Item = &StoredKey> {
        self.keys.iter().filter(move |key| key.is_valid_at(now))
    }
}

impl StoredKey {
    fn read(index: usize, entry: &Entry) -> Result<Self, InvalidKeySet> {
        let pkcs8 = STANDARD.decode(&entry.key).map_err(|_| InvalidKeySet::Key(index))?;
        let key = SigningKey::from_pkcs8(&pkcs8).map_err(|_| InvalidKeySet::Key(index))?;
        let public = key.public_key();
        if public.id() != entry.kid {
            return Err(InvalidKeySet::Kid(index));
        }
        let created_at = millis(&entry.created_at).ok_or(InvalidKeySet::CreatedAt(index))?;
        let expires_at = match &entry.expires_at {
            Some(text) => Some(millis(text).ok_or(InvalidKeySet::ExpiresAt(index))?),
            None => None,
        };
        Ok(Self { pkcs8, public, created_at, expires_at })
    }

    fn entry(&self) -> Entry {
        Entry {
            kid: self.public.id(),
            key: STANDARD.encode(&self.pkcs8),
            created_at: rfc3339(self.created_at),
            expires_at: self.expires_at.map(rfc3339),
        }
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// When the key was made, in RFC 3339.
    #[must_use]
    pub fn created_at(&self) -> String {
        rfc3339(self.created_at)
    }

    /// When the key stops to sign, in RFC 3339; `None` for the newest.
    #[must_use]
    pub fn expires_at(&self) -> Option<String> {
        self.expires_at.map(rfc3339)
    }

    /// Whether the key signs at `now`.
    #[must_use]
    pub fn is_valid_at(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("kid", &self.public.id())
            .field("created_at", &self.created_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl PublicKey {
    /// The key as a JSON Web Key (RFC 8037), named by its thumbprint.
    #[must_use]
    pub fn jwk(&self) -> serde_json::Value {
        serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "x": self.x, "kid": self.id(), "alg": "EdDSA", "use": "sig",
        })
    }
}

fn millis(text: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

/// In RFC 3339 to the millisecond. A time after the year 9999 becomes that year's end.
fn rfc3339(millis: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok();
    let text = time.filter(|time| time.year() >= 0).and_then(|time| time.format(RFC3339_MILLIS).ok());
    text.unwrap_or_else(|| {
        if millis < 0 { "0000-01-01T00:00:00.000Z" } else { "9999-12-31T23:59:59.999Z" }.to_owned()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::signature::{Signed, sign, verify};

    const DAY: i64 = 24 * 60 * 60 * 1000;
    const NOW: i64 = 1_795_824_000_000;
    const OVERLAP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    fn one() -> KeySet {
        KeySet::default().with_new_key(&[1; 32], NOW, OVERLAP)
    }

    fn kids(set: &KeySet, now: i64) -> Vec<String> {
        set.public_keys(now).iter().map(PublicKey::id).collect()
    }

    #[test]
    fn document_is_read_as_it_was_written() {
        assert_eq!(KeySet::parse(r#"{"keys":[]}"#).unwrap(), KeySet::default());
        let two = one().with_new_key(&[2; 32], NOW + DAY, OVERLAP);
        let json = two.to_json();
        assert_eq!(KeySet::parse(&json).unwrap(), two);
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(document["keys"][0]["createdAt"], "2026-11-28T00:00:00.000Z");
        assert_eq!(document["keys"][0]["expiresAt"], "2026-12-29T00:00:00.000Z");
        assert_eq!(
            document["keys"][1].as_object().unwrap().keys().collect::<Vec<_>>(),
            ["createdAt", "key", "kid"]
        );
    }

    #[test]
    fn what_an_expired_key_signed_is_still_known() {
        let two = one().with_new_key(&[2; 32], NOW, Duration::ZERO);
        let three = two.with_new_key(&[3; 32], NOW + DAY, Duration::ZERO);
        let known =
            |set: &KeySet| set.known_keys().map(PublicKey::id).collect::<std::collections::BTreeSet<_>>();
        let all: std::collections::BTreeSet<_> = [1, 2, 3]
            .map(|seed| SigningKey::from_pkcs8(&SigningKey::pkcs8(&[seed; 32])).unwrap().public_key().id())
            .into();
        assert_eq!((known(&three), kids(&three, NOW + DAY).len()), (all, 1));
        let document: serde_json::Value = serde_json::from_str(&three.to_json()).unwrap();
        assert_eq!(
            (document["keys"].as_array().unwrap().len(), document["retired"].as_array().unwrap().len()),
            (1, 2)
        );
        assert_eq!(KeySet::parse(&three.to_json()).unwrap(), three);
    }

    #[test]
    fn older_keys_sign_until_the_overlap_ends() {
        let two = one().with_new_key(&[2; 32], NOW + DAY, OVERLAP);
        let (old, new) = (kids(&one(), NOW).remove(0), two.keys()[1].public_key().id());
        let end = NOW + 31 * DAY;
        assert_eq!(kids(&two, end - 1), [old, new.clone()]);
        assert_eq!(kids(&two, end), std::slice::from_ref(&new));
        assert_eq!(two.signing_keys(end - 1).len(), 2);
        let three = two.with_new_key(&[3; 32], NOW + 2 * DAY, OVERLAP);
        let expiries: Vec<_> = three.keys().iter().map(|key| key.expires_at).collect();
        assert_eq!(expiries, [Some(end), Some(end + DAY), None], "an end that was promised is not put off");
        let later = three.with_new_key(&[4; 32], end, OVERLAP);
        assert_eq!(later.keys().len(), 3, "what has expired is dropped");
    }

    #[test]
    fn without_overlap_only_the_new_key_is_left() {
        let two = one().with_new_key(&[2; 32], NOW, Duration::ZERO);
        assert_eq!(two.keys().len(), 1);
        assert_ne!(kids(&two, NOW), kids(&one(), NOW));
        assert_eq!(two.with_new_key(&[2; 32], NOW, OVERLAP), two, "no key is there twice");
    }

    #[test]
    fn any_time_is_written_so_that_it_is_read_again() {
        for overlap in [Duration::from_secs(1 << 40), Duration::MAX] {
            let json = one().with_new_key(&[2; 32], NOW, overlap).to_json();
            assert!(json.contains("9999-12-31T23:59:59.999Z"), "{json}");
            assert!(KeySet::parse(&json).is_ok());
        }
    }

    #[test]
    fn signing_keys_are_those_whose_public_halves_are_published() {
        let two = KeySet::parse(&one().with_new_key(&[2; 32], NOW, OVERLAP).to_json()).unwrap();
        let signed = Signed::UserScripts { domain: "a.example", json: "{}" };
        let signatures = sign(&two.signing_keys(NOW), &signed);
        assert!(two.public_keys(NOW).iter().all(|key| verify(key, &signatures, &signed)));
    }

    #[test]
    fn faults_are_named_without_any_key() {
        let entry = |json: &str, from: &str, to: &str| {
            assert!(json.contains(from), "{from}");
            KeySet::parse(&json.replace(from, to)).unwrap_err()
        };
        let set = one().with_new_key(&[2; 32], NOW, OVERLAP);
        let json = set.to_json();
        let (first, second) = (set.keys()[0].entry(), set.keys()[1].entry());
        assert_eq!(entry(&json, &second.key, "canary!"), InvalidKeySet::Key(1));
        assert_eq!(entry(&json, &second.key, "Y2FuYXJ5"), InvalidKeySet::Key(1));
        assert_eq!(entry(&json, &second.key, &first.key), InvalidKeySet::Kid(1));
        assert_eq!(entry(&json, &second.created_at, "canary"), InvalidKeySet::CreatedAt(0));
        assert_eq!(entry(&json, &first.expires_at.clone().unwrap(), "canary"), InvalidKeySet::ExpiresAt(0));
        let twice = json.replace(&second.key, &first.key).replace(&second.kid, &first.kid);
        assert_eq!(KeySet::parse(&twice).unwrap_err(), InvalidKeySet::Repeated(1));
        for form in ["", "{}", "[]", r#"{"keys":["canary"]}"#, r#"{"keys":[{"kid":"canary"}]}"#] {
            let fault = KeySet::parse(form).unwrap_err();
            assert_eq!(fault, InvalidKeySet::Form, "{form}");
            assert!(!fault.to_string().contains("canary"));
        }
        assert!(!format!("{set:?}").contains(&first.key));
    }

    #[test]
    fn expiry_of_null_is_none() {
        let json = one().to_json().replace("}]}", r#","expiresAt":null}]}"#);
        assert_eq!(KeySet::parse(&json).unwrap(), one());
    }

    #[test]
    fn jwk_has_what_a_browser_imports() {
        // RFC 8037, appendices A.2 and A.3.
        let key = PublicKey { x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into() };
        let expected = serde_json::json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
            "x": key.x, "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"});
        assert_eq!(key.jwk(), expected);
    }
}
