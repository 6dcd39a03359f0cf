//! The document of keys that tokens are signed with.
//!
//! ```json
//! {"keys": [{"kid", "alg", "key", "clientId", "iss"?, "aud"?, "scopes"}],
//!  "master": "…", "previousMaster"?: "…"}
//! ```
//!
//! `alg` is `HS256`, `RS256` or `ES256`. For `HS256`, `key` is the secret itself, at least 32 bytes of
//! text that are taken as they stand (no base64); for the others it is a public key in PEM
//! (`-----BEGIN PUBLIC KEY-----`), RSA of 2048 bits or more, or on the curve P-256. Keys of the tokens
//! that we issue are derived from `master`; after a change of it `previousMaster` keeps those good that
//! were issued before. A master has at least 32 bytes.

use std::borrow::Cow;
use std::collections::HashMap;

use domain::Error;
use domain::access::{ClientId, KID_PREFIX, Scope, TokenKey, client_of_kid};
use domain::primitives::Secret;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tracing::error;

/// HS256 takes a key of at least its hash's length (RFC 7518, section 3.2), and so does a master secret.
const LEAST_BYTES: usize = 32;
/// The length of an RSA modulus of 2048 bits.
const RSA_LEAST_BYTES: usize = 256;
/// The length of an uncompressed point of P-256.
const P256_BYTES: usize = 65;
const PEM: &str = "-----BEGIN";
const PEM_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----";

/// What a token is checked against, and what it may do at most.
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

/// All keys that tokens may be signed with.
pub(super) struct KeySet {
    keys: HashMap<String, VerifyingKey>,
    master: Secret,
    previous_master: Option<Secret>,
}

impl KeySet {
    /// Reads the document. An entry that cannot be used is logged and left out; the others stay good.
    pub(super) fn parse(document: &str) -> Result<Self, Error> {
        // No account of what was found instead: it could be a secret.
        let broken = |what: &str| Error::internal(format!("the token keys' document: {what}"));
        let document: Document =
            serde_json::from_str(document).map_err(|_| broken("not of the form {keys, master}"))?;
        let masters = std::iter::once(&document.master).chain(&document.previous_master);
        if masters.into_iter().any(|master| master.expose().len() < LEAST_BYTES) {
            return Err(broken("a master secret has less than 32 bytes"));
        }
        let mut keys = HashMap::new();
        for (position, entry) in document.keys.into_iter().enumerate() {
            let kid = entry["kid"].as_str().unwrap_or_default().to_owned();
            let problem = match VerifyingKey::read(entry) {
                Ok(_) if keys.contains_key(&kid) => "its kid stands there before",
                Ok(key) => {
                    keys.insert(kid, key);
                    continue;
                }
                Err(problem) => problem,
            };
            error!(position, kid, problem, alarm = "token_key", "a key for tokens cannot be used");
        }
        Ok(Self { keys, master: document.master, previous_master: document.previous_master })
    }

    /// The key of this name.
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
            scopes: Scope::ALL.into_iter().filter(|scope| !scope.is_admin()).collect(),
        }))
    }

    /// What new tokens for the users of `client` are signed with.
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
            return Err("its kid is empty, or begins as those of our own keys");
        }
        let (algorithm, key) = match entry.alg.as_str() {
            "HS256" => (Algorithm::HS256, hmac(entry.key.expose())?),
            "RS256" => (Algorithm::RS256, rsa(entry.key.expose())?),
            "ES256" => (Algorithm::ES256, p256(entry.key.expose())?),
            _ => return Err("its alg is none of HS256, RS256 and ES256"),
        };
        let mut scopes = entry.scopes;
        // A scope of the operator means nothing in the hands of another client.
        scopes.retain(|scope| scope.allowed_for(&entry.client_id));
        Ok(Self { algorithm, key, client: entry.client_id, issuer: entry.iss, audience: entry.aud, scopes })
    }
}

fn hmac(secret: &str) -> Result<DecodingKey, &'static str> {
    if secret.trim_start().starts_with(PEM) {
        // Whoever has the public key could sign with it.
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
