//! Webhook signatures according to Standard Webhooks (symmetric, `v1`).

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::access::client::ClientId;
use crate::primitives::id::WebhookId;
use crate::primitives::secret::Secret;
use crate::primitives::timestamp::Timestamp;

const PREFIX: &str = "whsec_";

const KEY_BYTES: usize = 32;

/// The maximum number of secret versions of a client that sign at the same time.
const MAX_SIGNING_VERSIONS: usize = 5;

/// The versions of a client's secret that sign: the current version, and older ones during their overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretVersions {
    pub current: u32,
    /// The newest first.
    #[serde(default)]
    older: Vec<OlderVersion>,
}

/// A version that signs until the end of its overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OlderVersion {
    number: u32,
    until: Timestamp,
}

impl Default for SecretVersions {
    /// The versions of a client that never rotated its secret.
    fn default() -> Self {
        Self { current: 1, older: Vec::new() }
    }
}

impl SecretVersions {
    /// Returns the versions that sign at `now`, the current one first.
    #[must_use]
    pub fn signing(&self, now: Timestamp) -> Vec<u32> {
        let older = self.older.iter().filter(|older| older.until > now).map(|older| older.number);
        std::iter::once(self.current).chain(older).take(MAX_SIGNING_VERSIONS).collect()
    }

    /// Returns until when older versions sign. `None` if no older version signs.
    #[must_use]
    pub fn overlap_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.older.iter().map(|older| older.until).filter(|until| *until > now).max()
    }

    /// Returns the versions after a rotation. The current version keeps signing for `overlap`.
    #[must_use]
    pub fn rotated(&self, now: Timestamp, overlap: Duration) -> Self {
        let newest = OlderVersion { number: self.current, until: now + overlap };
        let mut older = vec![newest];
        older.extend(&self.older);
        older.retain(|older| older.until > now);
        older.truncate(MAX_SIGNING_VERSIONS - 1);
        Self { current: self.current + 1, older }
    }
}

/// A client's secret for signing webhooks.
#[derive(Clone)]
pub struct SigningSecret([u8; KEY_BYTES]);

impl SigningSecret {
    /// Derives this version of the secret of `client` from the deployment's master secret (HKDF-SHA256,
    /// RFC 5869). Therefore no table contains a client's secret, and a new client needs no setup.
    #[must_use]
    pub fn derive(master: &Secret, client: &ClientId, version: u32) -> Self {
        let mut key = [0; KEY_BYTES];
        let info = format!("semantest webhook secret v{version} {client}");
        let hkdf = Hkdf::<Sha256>::new(None, master.expose().as_bytes());
        // Fails only for an output longer than 255 times the hash length.
        if hkdf.expand(info.as_bytes(), &mut key).is_err() {
            unreachable!("32 bytes are within HKDF's bound");
        }
        Self(key)
    }

    /// Returns the secret in the form that clients receive: `whsec_` and base64.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.0))
    }

    /// Returns the value of the `webhook-signature` header for exactly these bytes, sent in the second of
    /// `at`.
    #[must_use]
    pub fn sign(&self, id: WebhookId, at: Timestamp, body: &[u8]) -> String {
        sign(&self.0, &id.to_string(), at.seconds(), body)
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

fn sign(key: &[u8], id: &str, seconds: i64, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(whsec: &str) -> Vec<u8> {
        STANDARD.decode(whsec.strip_prefix(PREFIX).unwrap()).unwrap()
    }

    /// Test vectors of the reference libraries of Standard Webhooks (Rust, JavaScript).
    #[test]
    fn signature_matches_the_reference_libraries() {
        let cases = [
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            // Our own vectors: keys of 32 bytes, as every client has.
            (
                "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
                "msg_test_0001",
                1_795_380_911,
                r#"{"type":"image.completed","timestamp":"2026-11-22T20:55:11Z","data":{"id":"job_1"}}"#,
                "v1,5dk6AxtIgDFofq65KhyuZW1aXuZ3EvXQCpLDW5dWnx0=",
            ),
            (
                "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",
                "msg_test_0001",
                1_795_380_911,
                r#"{"type":"image.completed","timestamp":"2026-11-22T20:55:11Z","data":{"id":"job_1"}}"#,
                "v1,PVFZoeOQjthwreZmhY9ZqwJ9R7DOX1gO8Ia6MBi4lKI=",
            ),
        ];
        for (secret, id, at, body, expected) in cases {
            assert_eq!(sign(&key(secret), id, at, body.as_bytes()), expected);
        }
    }

    #[test]
    fn rotated_version_signs_until_its_overlap_ends() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let first = SecretVersions::default();
        assert_eq!((first.signing(at(0)), first.overlap_until(at(0))), (vec![1], None));
        let second = first.rotated(at(0), Duration::from_secs(100));
        assert_eq!((second.signing(at(99)), second.signing(at(100))), (vec![2, 1], vec![2]));
        let third = second.rotated(at(50), Duration::from_secs(10));
        assert_eq!(third.signing(at(55)), [3, 2, 1], "an overlap is never shortened");
        assert_eq!(third.signing(at(60)), [3, 1]);
        assert_eq!((third.overlap_until(at(99)), third.overlap_until(at(100))), (Some(at(100)), None));
        assert_eq!(second.rotated(at(50), Duration::ZERO).signing(at(50)), [3, 1]);
        let many = (0..20).fold(first, |now, _| now.rotated(at(0), Duration::from_secs(9)));
        assert_eq!(many.signing(at(0)), [21, 20, 19, 18, 17]);
    }

    #[test]
    fn each_client_and_version_has_its_own_secret() {
        let (master, other) = (Secret::new("m"), Secret::new("n"));
        let (acme, apex) = ("acme".parse().unwrap(), "apex".parse().unwrap());
        let all = [
            SigningSecret::derive(&master, &acme, 1),
            SigningSecret::derive(&master, &acme, 2),
            SigningSecret::derive(&master, &apex, 1),
            SigningSecret::derive(&other, &acme, 1),
        ]
        .map(|secret| secret.expose());
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(SigningSecret::derive(&master, &acme, 1).expose(), all[0]);
        assert_eq!(key(&all[0]).len(), KEY_BYTES);
    }
}
