//! The document with the keys that sign tokens.
//!
//! ```json
//! {"keys": [{"kid", "alg", "key", "clientId", "iss"?, "aud"?, "scopes"}],
//!  "master": "…", "previousMaster"?: "…"}
//! ```
//!
//! `alg` is `HS256`, `RS256` or `ES256`. For `HS256`, `key` is the secret itself: at least 32 bytes of
//! text, used verbatim (no base64). For the others it is a public key in PEM (`-----BEGIN PUBLIC KEY-----`):
//! RSA of 2048 bits or more, or on the curve P-256. The keys of the tokens that we issue are derived from
//! `master`. After `master` has changed, `previousMaster` keeps the tokens valid that were issued before.
//! A master secret has at least 32 bytes.

use std::borrow::Cow;
use std::collections::HashMap;

use domain::Error;
use domain::access::{ClientId, KID_PREFIX, Scope, TokenKey, client_of_kid};
use domain::primitives::NamedValue as _;
use domain::primitives::Secret;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tracing::error;

/// The minimum length of a master secret and of an HS256 key (the length of its hash: RFC 7518, section 3.2),
/// in bytes.
const LEAST_BYTES: usize = 32;
/// The length in bytes of an RSA modulus of 2048 bits. The DER of a key is longer than its modulus.
const RSA_LEAST_BYTES: usize = 256;
/// The length in bytes of an uncompressed point of P-256.
const P256_BYTES: usize = 65;
const PEM: &str = "-----BEGIN";
const PEM_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----";

/// A key that verifies tokens, with the checks and the maximum scopes that apply to them.
#[derive(Clone)]
pub(super) struct VerifyingKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
    pub(super) client: ClientId,
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) scopes: Vec<Scope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    keys: Vec<Value>,
    master: Secret,
    previous_master: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    kid: String,
    alg: String,
    key: Secret,
    client_id: ClientId,
    iss: Option<String>,
    aud: Option<String>,
    scopes: Vec<Scope>,
}

pub(super) struct KeySet {
    keys: HashMap<String, VerifyingKey>,
    master: Secret,
    previous_master: Option<Secret>,
}

impl KeySet {
    /// Parses the document. An invalid entry is logged and skipped; the other entries stay usable.
    pub(super) fn parse(document: &str) -> Result<Self, Error> {
        // The error never quotes the document: it could quote a secret.
        let invalid = |what: &str| Error::internal(format!("the token keys' document: {what}"));
        let document: Document =
            serde_json::from_str(document).map_err(|_| invalid("not of the form {keys, master}"))?;
        let masters = std::iter::once(&document.master).chain(&document.previous_master);
        if masters.into_iter().any(|master| master.expose().len() < LEAST_BYTES) {
            return Err(invalid("a master secret has less than 32 bytes"));
        }
        let mut keys = HashMap::new();
        for (position, entry) in document.keys.into_iter().enumerate() {
            let kid = entry["kid"].as_str().unwrap_or_default().to_owned();
            let problem = match VerifyingKey::read(entry) {
                Ok(_) if keys.contains_key(&kid) => "an earlier entry has the same kid",
                Ok(key) => {
                    keys.insert(kid, key);
                    continue;
                }
                Err(problem) => problem,
            };
            error!(position, kid, problem, alarm = "token_key", "a token key cannot be used");
        }
        Ok(Self { keys, master: document.master, previous_master: document.previous_master })
    }

    /// Returns the configured or derived key with this `kid`.
    pub(super) fn find(&self, kid: &str) -> Option<Cow<'_, VerifyingKey>> {
        let Some(client) = client_of_kid(kid) else { return self.keys.get(kid).map(Cow::Borrowed) };
        let masters = std::iter::once(&self.master).chain(&self.previous_master);
        let mut keys = masters.map(|master| TokenKey::derive(master, &client));
        let key = keys.find(|key| key.kid() == kid)?;
        Some(Cow::Owned(VerifyingKey {
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(key.expose()),
            client,
            issuer: None,
            audience: None,
            scopes: Scope::ALL.iter().copied().filter(|scope| !scope.is_admin()).collect(),
        }))
    }

    /// Returns the key that signs new tokens for users of `client`.
    pub(super) fn issuing(&self, client: &ClientId) -> TokenKey {
        TokenKey::derive(&self.master, client)
    }
}

impl VerifyingKey {
    fn read(entry: Value) -> Result<Self, &'static str> {
        let Ok(entry) = serde_json::from_value::<Entry>(entry) else {
            return Err("not of the form {kid, alg, key, clientId, iss?, aud?, scopes}");
        };
        if entry.kid.is_empty() || entry.kid.starts_with(KID_PREFIX) {
            return Err("its kid is empty or has the prefix of our own keys");
        }
        let (algorithm, key) = match entry.alg.as_str() {
            "HS256" => (Algorithm::HS256, hmac(entry.key.expose())?),
            "RS256" => (Algorithm::RS256, rsa(entry.key.expose())?),
            "ES256" => (Algorithm::ES256, p256(entry.key.expose())?),
            _ => return Err("its alg is not HS256, RS256 or ES256"),
        };
        let mut scopes = entry.scopes;
        // Only the operator's client may have the operator's scopes.
        scopes.retain(|scope| scope.allowed_for(&entry.client_id));
        Ok(Self { algorithm, key, client: entry.client_id, issuer: entry.iss, audience: entry.aud, scopes })
    }
}

fn hmac(secret: &str) -> Result<DecodingKey, &'static str> {
    if secret.trim_start().starts_with(PEM) {
        // Anyone who has the public key could sign with it.
        return Err("its key is a PEM, which HS256 does not take");
    }
    if secret.len() < LEAST_BYTES {
        return Err("its key has less than 32 bytes");
    }
    Ok(DecodingKey::from_secret(secret.as_bytes()))
}

fn rsa(pem: &str) -> Result<DecodingKey, &'static str> {
    let key = public(pem)?;
    let key = DecodingKey::from_rsa_pem(key).map_err(|_| "its key is no RSA public key in PEM")?;
    match key.try_get_as_bytes() {
        Ok(bytes) if bytes.len() > RSA_LEAST_BYTES => Ok(key),
        _ => Err("its RSA key has less than 2048 bits"),
    }
}

fn p256(pem: &str) -> Result<DecodingKey, &'static str> {
    let key = public(pem)?;
    let key = DecodingKey::from_ec_pem(key).map_err(|_| "its key is no elliptic public key in PEM")?;
    match key.try_get_as_bytes() {
        Ok(bytes) if bytes.len() == P256_BYTES => Ok(key),
        _ => Err("its key is not on the curve P-256"),
    }
}

fn public(pem: &str) -> Result<&[u8], &'static str> {
    match pem.trim_start().starts_with(PEM_PUBLIC) {
        true => Ok(pem.as_bytes()),
        false => Err("its key is no public key in PEM (BEGIN PUBLIC KEY)"),
    }
}
