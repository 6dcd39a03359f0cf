//! JSON Web Tokens: verifies tokens of external issuers whose keys are configured, and issues and verifies
//! our own.
//!
//! The key that signed a token determines its client and its maximum scopes. A `scope` claim (scopes
//! separated by spaces) can only narrow them. A token acts only for the user in its `sub` claim.

mod crypto;
mod key_set;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::access::{Caller, ClientId, Limits, Principal, Scope, SecretSource};
use domain::primitives::NamedValue as _;
use domain::primitives::Secret;
use domain::{Error, Timestamp, UserId};
use jsonwebtoken::{Algorithm, EncodingKey, Header, Validation, decode, decode_header, encode};
use key_set::{KeySet, VerifyingKey};
use serde::{Deserialize, Serialize};

/// The maximum length of a token in bytes. A longer one is refused before it is parsed.
pub const MAX_LEN: usize = 8 * 1024;
/// How far an issuer's clock may be ahead of ours. Applies to `nbf` only: an expired token gets no leeway.
const AHEAD: Duration = Duration::from_secs(10);
/// The minimum time between two refreshes of the keys that an unknown `kid` triggers.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);

/// The keys that verify and sign tokens. They are read when the first token arrives, so that a caller with
/// an API key never waits for them.
pub struct TokenKeys<'a> {
    source: &'a dyn SecretSource,
    parsed: Mutex<Option<(Secret, Arc<KeySet>)>>,
    // Held during the read, so that a burst of unknown `kid`s causes one read.
    refreshed_at: tokio::sync::Mutex<Option<Timestamp>>,
}

/// The claims that are read from a token. Times may have fractions (RFC 7519, section 2).
#[derive(Deserialize)]
struct Claims {
    sub: UserId,
    exp: f64,
    nbf: Option<f64>,
    scope: Option<String>,
}

/// The claims that an issued token contains.
#[derive(Serialize)]
struct Issued {
    sub: UserId,
    scope: String,
    iat: i64,
    exp: i64,
}

impl<'a> TokenKeys<'a> {
    #[must_use]
    pub fn new(source: &'a dyn SecretSource) -> Self {
        crypto::install();
        Self { source, parsed: Mutex::new(None), refreshed_at: tokio::sync::Mutex::new(None) }
    }

    /// Verifies the token and returns the caller that it names.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthorized`] for every defect of the token; [`Error::Unavailable`] or
    /// [`Error::Internal`] if the keys cannot be read.
    pub async fn admit(&self, token: &str, now: Timestamp) -> Result<Principal, Error> {
        if token.len() > MAX_LEN {
            return Err(Error::Unauthorized);
        }
        let header = decode_header(token).map_err(|_| Error::Unauthorized)?;
        // RFC 7515, section 4.1.11: a token with an unknown critical header must be rejected. We know none.
        if header.crit.is_some() {
            return Err(Error::Unauthorized);
        }
        let kid = header.kid.as_deref().ok_or(Error::Unauthorized)?;
        let mut keys = self.keys(self.source.read().await?)?;
        if keys.find(kid).is_none() {
            keys = self.newer_keys(now).await?;
        }
        let key = keys.find(kid).ok_or(Error::Unauthorized)?;
        // Otherwise an attacker could use a public key as the secret of an HMAC.
        if header.alg != key.algorithm {
            return Err(Error::Unauthorized);
        }
        check(&key, token, now)
    }

    /// Issues a token for `user` of `client` with these scopes that expires at `expires_at`.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] or [`Error::Internal`] if the keys cannot be read.
    pub async fn issue(
        &self,
        client: &ClientId,
        user: UserId,
        scopes: &[Scope],
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<String, Error> {
        let key = self.keys(self.source.read().await?)?.issuing(client);
        let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        let claims =
            Issued { sub: user, scope: scopes.join(" "), iat: now.seconds(), exp: expires_at.seconds() };
        let header = Header { kid: Some(key.kid().to_owned()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &EncodingKey::from_secret(key.expose())).map_err(Error::internal)
    }

    fn keys(&self, document: Secret) -> Result<Arc<KeySet>, Error> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((cached, keys)) = parsed.as_ref()
            && *cached == document
        {
            return Ok(Arc::clone(keys));
        }
        let keys = Arc::new(KeySet::parse(document.expose())?);
        *parsed = Some((document, Arc::clone(&keys)));
        Ok(keys)
    }

    async fn newer_keys(&self, now: Timestamp) -> Result<Arc<KeySet>, Error> {
        let mut refreshed_at = self.refreshed_at.lock().await;
        if refreshed_at.is_some_and(|at| now.since(at) < REFRESH_INTERVAL) {
            // Another caller may have refreshed the keys while this one waited for the lock.
            return self.keys(self.source.read().await?);
        }
        // Set before the read, so that other callers do not repeat a read that fails either.
        *refreshed_at = Some(now);
        self.keys(self.source.refresh().await?)
    }
}

/// Checks the signature and every claim.
fn check(key: &VerifyingKey, token: &str, now: Timestamp) -> Result<Principal, Error> {
    let mut validation = Validation::new(key.algorithm);
    // Times are checked below, against `now`.
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    if let Some(issuer) = &key.issuer {
        validation.set_issuer(&[issuer]);
        validation.required_spec_claims.insert("iss".to_owned());
    }
    validation.validate_aud = key.audience.is_some();
    if let Some(audience) = &key.audience {
        validation.set_audience(&[audience]);
        validation.required_spec_claims.insert("aud".to_owned());
    }
    let claims = decode::<Claims>(token, &key.key, &validation).map_err(|_| Error::Unauthorized)?.claims;

    let now = now.millis() as f64 / 1000.0;
    let started = claims.nbf.is_none_or(|nbf| nbf <= now + AHEAD.as_secs_f64());
    if now >= claims.exp || !started {
        return Err(Error::Unauthorized);
    }
    let mut scopes = key.scopes.clone();
    if let Some(scope) = &claims.scope {
        scopes.retain(|allowed| scope.split_ascii_whitespace().any(|name| name == allowed.as_str()));
    }
    Ok(Principal {
        client: key.client.clone(),
        scopes,
        user: Some(claims.sub),
        caller: Caller::User(key.client.clone(), claims.sub),
        limits: Limits::default(),
    })
}

#[cfg(test)]
mod tests;
