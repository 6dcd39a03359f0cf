//! The text of an API key, and its hash.

use crate::primitives::id::KeyId;
use crate::primitives::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// Never change this: keys that are out there begin with it, and secret scanners look for it.
const PREFIX: &str = "sk_";

const ID_LENGTH: usize = 32;

const SECRET_BYTES: usize = 32;

/// 32 bytes in base64 without padding.
const SECRET_LENGTH: usize = 43;

/// An API key as its holder sends it: `sk_`, the key's id, its secret.
#[derive(Clone)]
pub struct ApiKey {
    id: KeyId,
    text: Secret,
}

impl ApiKey {
    /// A new key, its secret from the operating system's generator.
    #[must_use]
    pub fn generate() -> Self {
        let id = KeyId::new();
        let secret: [u8; SECRET_BYTES] = rand::random();
        let text = format!("{PREFIX}{}{}", id.uuid().simple(), URL_SAFE_NO_PAD.encode(secret));
        Self { id, text: Secret::new(text) }
    }

    /// The public half, by which its row is found.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The whole key. To be shown once, and never stored.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// What is stored in its place. A plain SHA-256 is enough for a secret of 256 random bits.
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

/// The text has not the form of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key")]
pub struct NotAKey;

/// The SHA-256 of a whole API key, in hex where it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Whether both are the same, in a time that does not tell where they differ.
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
    fn a_key_is_read_back_and_shows_nothing_of_its_secret() {
        let key = ApiKey::generate();
        let again: ApiKey = key.expose().parse().unwrap();
        assert_eq!(again.id(), key.id());
        assert!(again.hash().matches(&key.hash()));
        assert!(!format!("{key:?}").contains(&key.expose()[PREFIX.len() + ID_LENGTH..]));
    }

    #[test]
    fn other_texts_are_no_keys() {
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
