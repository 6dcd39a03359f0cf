//! The text of an API key, and its hash.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::primitives::id::KeyId;
use crate::primitives::secret::Secret;
use crate::primitives::source::random_bytes;

/// Never change this prefix: the keys in use begin with it, and secret scanners look for it.
const PREFIX: &str = "sk_";

const ID_LENGTH: usize = 32;

const SECRET_BYTES: usize = 32;

/// The length of 32 bytes in base64 without padding.
const SECRET_LENGTH: usize = 43;

/// An API key as its holder sends it: `sk_`, then the key's id, then its secret.
#[derive(Clone)]
pub struct ApiKey {
    id: KeyId,
    text: Secret,
}

impl ApiKey {
    /// Generates a new key. Its secret has 256 random bits.
    #[must_use]
    pub fn generate() -> Self {
        let id = KeyId::new();
        let secret: [u8; SECRET_BYTES] = random_bytes();
        let text = format!("{PREFIX}{}{}", id.uuid().simple(), URL_SAFE_NO_PAD.encode(secret));
        Self { id, text: Secret::new(text) }
    }

    /// The public half, which finds the key's row.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The whole key. Show it once, and never store it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// The hash that is stored instead of the key. A plain SHA-256 is enough for a secret of 256 random bits.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.expose().as_bytes()).into())
    }
}

impl FromStr for ApiKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let rest = text.strip_prefix(PREFIX).ok_or(NotAKey)?;
        let (id, secret) = rest.split_at_checked(ID_LENGTH).ok_or(NotAKey)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if secret.len() != SECRET_LENGTH || !secret.bytes().all(plain) {
            return Err(NotAKey);
        }
        let id = Uuid::try_parse(id).map_err(|_| NotAKey)?;
        Ok(Self { id: KeyId::from_uuid(id), text: Secret::new(text) })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.id)
    }
}

/// The text does not have the form of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key")]
pub struct NotAKey;

/// The SHA-256 of a whole API key. Rows store it in hex.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Compares both hashes in constant time, so that the duration does not reveal where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> Self {
        crate::primitives::hash::hex(&hash.0)
    }
}

impl TryFrom<String> for KeyHash {
    type Error = NotAKey;
    fn try_from(text: String) -> Result<Self, NotAKey> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(NotAKey);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotAKey)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAKey)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_parses_back_and_debug_hides_its_secret() {
        let key = ApiKey::generate();
        let again: ApiKey = key.expose().parse().unwrap();
        assert_eq!(again.id(), key.id());
        assert!(again.hash().matches(&key.hash()));
        assert!(!format!("{key:?}").contains(&key.expose()[PREFIX.len() + ID_LENGTH..]));
    }

    #[test]
    fn key_parse_rejects_other_texts() {
        let key = ApiKey::generate();
        let text = key.expose();
        let long = format!("{text}A");
        for bad in
            ["", "sk_", "sk_é", &text[1..], &text[..text.len() - 1], &long, &text.replace("sk_", "pk_")]
        {
            assert!(bad.parse::<ApiKey>().is_err(), "{bad}");
        }
    }
}
