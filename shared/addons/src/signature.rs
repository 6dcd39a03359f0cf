//! Ed25519 signatures of addons, which an extension verifies with a public key that it was built with.
//!
//! What is signed names what it is for, so that no signature can be used for something else.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// What stands before the 32 bytes of an Ed25519 key in PKCS #8.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no Ed25519 key in PKCS #8")]
pub struct InvalidKey;

/// A key that signs.
#[derive(Debug)]
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Returns the key of 32 random bytes in PKCS #8 (DER), without its public half (RFC 8410).
    #[must_use]
    pub fn pkcs8(seed: &[u8; 32]) -> Vec<u8> {
        [&PKCS8_PREFIX[..], seed].concat()
    }

    /// Reads a key in PKCS #8 (DER), with or without its public half.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn from_pkcs8(key: &[u8]) -> Result<Self, InvalidKey> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(key).map(Self).map_err(|_| InvalidKey)
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey { x: URL_SAFE_NO_PAD.encode(self.0.public_key()) }
    }
}

/// The public half of a key, as a JSON Web Key has it (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The key in URL-safe base64 without padding.
    pub x: String,
}

impl PublicKey {
    /// The thumbprint of the key (RFC 7638), which names it.
    #[must_use]
    pub fn id(&self) -> String {
        let canonical = format!("{{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"{}\"}}", self.x);
        URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
    }
}

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed<'a> {
    /// One version of an addon: `semantest-addon:1`, id, version, type and the SHA-256 of the content in lower-case
    /// hexadecimal, each on a line.
    Version { addon: &'a str, version: &'a str, kind: &'a str, content_hash: &'a str },
    /// The user scripts of a domain: `semantest-userscripts:1`, the domain, and the JSON of the object of `scripts`
    /// and `styles`, each on a line. The JSON is what `JSON.stringify` writes for what was received.
    UserScripts { domain: &'a str, json: &'a str },
}

impl Signed<'_> {
    /// The bytes that are signed.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let lines: &[&str] = match *self {
            Self::Version { addon, version, kind, content_hash } => {
                &["semantest-addon:1", addon, version, kind, content_hash]
            }
            Self::UserScripts { domain, json } => &["semantest-userscripts:1", domain, json],
        };
        lines.join("\n").into_bytes()
    }
}

/// Signs with each of `keys`, and returns the signatures in base64, separated by `, `. While a key is replaced there
/// are two, so that extensions with the old and with the new key both find theirs.
#[must_use]
pub fn sign(keys: &[SigningKey], signed: &Signed<'_>) -> String {
    let message = signed.message();
    let signatures: Vec<_> = keys.iter().map(|key| STANDARD.encode(key.0.sign(&message))).collect();
    signatures.join(", ")
}

/// Whether one of the signatures is by `key`.
#[must_use]
pub fn verify(key: &PublicKey, signatures: &str, signed: &Signed<'_>) -> bool {
    let Ok(public) = URL_SAFE_NO_PAD.decode(&key.x) else { return false };
    let public = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public);
    let message = signed.message();
    let is_by_key = |signature: &str| {
        STANDARD.decode(signature.trim()).is_ok_and(|signature| public.verify(&message, &signature).is_ok())
    };
    signatures.split(',').any(is_by_key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const VERSION: Signed<'_> =
        Signed::Version { addon: "my-addon", version: "1.2.3", kind: "content_script", content_hash: "ab12" };

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_pkcs8(&SigningKey::pkcs8(&[seed; 32])).unwrap()
    }

    #[test]
    fn key_is_named_by_its_thumbprint() {
        // RFC 8037, appendices A.2 and A.3.
        let key = PublicKey { x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into() };
        assert_eq!(key.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn key_is_read_again_and_signs_as_the_standard_says() {
        // RFC 8032, section 7.1, test 1.
        let hex = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let mut seed = [0; 32];
        for (at, byte) in seed.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        }
        let key = SigningKey::from_pkcs8(&SigningKey::pkcs8(&seed)).unwrap();
        assert_eq!(key.public_key().x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert!(verify(&key.public_key(), &sign(&[key], &VERSION), &VERSION));
        assert_eq!(SigningKey::from_pkcs8(b"none").unwrap_err(), InvalidKey);
    }

    #[test]
    fn signature_is_for_one_content_of_one_version() {
        assert_eq!(VERSION.message(), b"semantest-addon:1\nmy-addon\n1.2.3\ncontent_script\nab12");
        let (key, other) = (key(1), key(2));
        let public = key.public_key();
        let signature = sign(&[key], &VERSION);
        assert!(verify(&public, &signature, &VERSION));
        assert!(!verify(&other.public_key(), &signature, &VERSION));
        let other_type = Signed::Version {
            addon: "my-addon",
            version: "1.2.3",
            kind: "style_sheet",
            content_hash: "ab12",
        };
        assert!(!verify(&public, &signature, &other_type));
        assert!(!verify(&public, &signature, &Signed::UserScripts { domain: "a.example", json: "{}" }));
        for wrong in ["", "AAAA", "not base64", &signature[1..]] {
            assert!(!verify(&public, wrong, &VERSION), "{wrong}");
        }
        assert!(!verify(&PublicKey { x: "?".into() }, &signature, &VERSION));
    }

    #[test]
    fn extensions_with_either_key_verify_while_a_key_is_replaced() {
        let (old, new) = (key(1), key(2));
        let public = [old.public_key(), new.public_key()];
        let signatures = sign(&[old, new], &VERSION);
        assert!(public.iter().all(|key| verify(key, &signatures, &VERSION)), "{signatures}");
        assert!(!verify(&key(3).public_key(), &signatures, &VERSION));
    }
}
