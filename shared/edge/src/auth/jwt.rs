//! JSON Web Tokens: those that others sign with a key of theirs that we know, and those that we issue.
//!
//! The tenant of a token, and the most that it may do, come from the key that signed it. A `scope` claim
//! (words with spaces between them) can only narrow that. A token acts for the user in its `sub` alone.

mod crypto;
mod key_set;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::access::{Caller, ClientId, Limits, Principal, Scope, SecretSource};
use domain::primitives::Secret;
use domain::{Error, Timestamp, UserId};
use jsonwebtoken::{Algorithm, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use key_set::{KeySet, VerifyingKey};

/// Nothing longer is looked at.
pub const MAX_LEN: usize = 8 * 1024;
/// How far an issuer's clock may be ahead of ours. A token that has expired gets no such grace.
const AHEAD: Duration = Duration::from_secs(10);
/// How often a `kid` that we don't know makes us read the keys again.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);

/// The keys that tokens are signed with. They are read when the first token comes, so that whoever
/// calls with an API key never waits for them.
pub struct TokenKeys<'a> {
    source: &'a dyn SecretSource,
    parsed: Mutex<Option<(Secret, Arc<KeySet>)>>,
    // Held over the read, so that a burst of unknown names reads once.
    read_again_at: tokio::sync::Mutex<Option<Timestamp>>,
}

/// What we look at in a token. Times may have fractions (RFC 7519, section 2).
#[derive(Deserialize)]
struct Claims {
    sub: UserId,
    exp: f64,
    nbf: Option<f64>,
    scope: Option<String>,
}

/// What we write into one.
#[derive(Serialize)]
struct Issued {
    sub: UserId,
    scope: String,
    iat: i64,
    exp: i64,
}

impl<'a> TokenKeys<'a> {
    /// The keys in the document of `source`.
    #[must_use]
    pub fn new(source: &'a dyn SecretSource) -> Self {
        crypto::install();
        Self { source, parsed: Mutex::new(None), read_again_at: tokio::sync::Mutex::new(None) }
    }

    /// Who calls with this token.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthorized`], whatever is wrong with the token; [`Error::Unavailable`] or
    /// [`Error::Internal`] if the keys cannot be read.
    pub async fn admit(&self, token: &str, now: Timestamp) -> Result<Principal, Error> {
        if token.len() > MAX_LEN {
            return Err(Error::Unauthorized);
        }
        let header = decode_header(token).map_err(|_| Error::Unauthorized)?;
        // RFC 7515, section 4.1.11: who does not understand what is critical must refuse.
        if header.crit.is_some() {
            return Err(Error::Unauthorized);
        }
        let kid = header.kid.as_deref().ok_or(Error::Unauthorized)?;
        let mut keys = self.keys(self.source.read().await?)?;
        if keys.find(kid).is_none() {
            keys = self.newer_keys(now).await?;
        }
        let key = keys.find(kid).ok_or(Error::Unauthorized)?;
        // Otherwise a public key could be used as the secret of an HMAC.
        if header.alg != key.algorithm {
            return Err(Error::Unauthorized);
        }
        check(&key, token, now)
    }

    /// A token that lets `user` of `client` do what `scopes` allow, until `expires_at`.
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
        if let Some((known, keys)) = parsed.as_ref()
            && *known == document
        {
            return Ok(Arc::clone(keys));
        }
        let keys = Arc::new(KeySet::parse(document.expose())?);
        *parsed = Some((document, Arc::clone(&keys)));
        Ok(keys)
    }

    async fn newer_keys(&self, now: Timestamp) -> Result<Arc<KeySet>, Error> {
        let mut read_again_at = self.read_again_at.lock().await;
        if read_again_at.is_some_and(|at| now.since(at) < REFRESH_INTERVAL) {
            // What the last one found, who may have been at it while we waited.
            return self.keys(self.source.read().await?);
        }
        // Before the read: one that fails is not to be repeated by every caller either.
        *read_again_at = Some(now);
        self.keys(self.source.refresh().await?)
    }
}

/// Checks the signature and every claim.
fn check(key: &VerifyingKey, token: &str, now: Timestamp) -> Result<Principal, Error> {
    let mut validation = Validation::new(key.algorithm);
    // By our own clock, below.
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
    let begun = claims.nbf.is_none_or(|from| from <= now + AHEAD.as_secs_f64());
    if now >= claims.exp || !begun {
        return Err(Error::Unauthorized);
    }
    let mut scopes = key.scopes.clone();
    if let Some(scope) = &claims.scope {
        scopes.retain(|own| scope.split_ascii_whitespace().any(|word| word == own.as_str()));
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
