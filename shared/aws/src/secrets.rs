//! Secrets in AWS Secrets Manager.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use domain::access::SecretSource;
use domain::primitives::Secret;
use domain::store::StoreError;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;

use crate::errors::unavailable;

/// How long a function uses a value before it reads the secret again, unless its reader wants it newer.
const CACHE_TTL: Duration = Duration::from_secs(300);
/// How much longer a function uses the old value each time a new read fails.
const STALE_GRACE: Duration = Duration::from_secs(60);

/// A secret whose value is cached for five minutes, or as long as its reader says.
#[derive(Debug)]
pub struct ManagedSecret {
    client: Client,
    id: String,
    ttl: Duration,
    // The lock is held during the read, so that a burst of messages causes one read.
    known: Mutex<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    secret: Secret,
    /// The value is used without a new read until then.
    until: Instant,
}

impl ManagedSecret {
    /// `id` is the name or the ARN of the secret.
    #[must_use]
    pub fn new(client: Client, id: String) -> Self {
        Self { client, id, ttl: CACHE_TTL, known: Mutex::new(None) }
    }

    /// The same, but cached for `ttl`.
    #[must_use]
    pub fn cached_for(self, ttl: Duration) -> Self {
        Self { ttl, ..self }
    }

    async fn fetch(&self) -> Result<Secret, StoreError> {
        let answer = self
            .client
            .get_secret_value()
            .secret_id(&self.id)
            .send()
            .await
            .map_err(|error| unavailable("GetSecretValue", error))?;
        let text = answer
            .secret_string
            .ok_or_else(|| StoreError::Unavailable("GetSecretValue: the secret is not text".into()))?;
        Ok(Secret::new(text))
    }
}

#[async_trait]
impl SecretSource for ManagedSecret {
    async fn read(&self) -> Result<Secret, StoreError> {
        current(&mut *self.known.lock().await, self.ttl, self.fetch()).await
    }

    async fn refresh(&self) -> Result<Secret, StoreError> {
        let mut known = self.known.lock().await;
        let secret = self.fetch().await?;
        *known = Some(Known { secret: secret.clone(), until: Instant::now() + self.ttl });
        Ok(secret)
    }
}

/// Returns the cached value if it is fresh. Otherwise fetches the value, and falls back to the cached one if
/// the fetch fails.
async fn current(
    known: &mut Option<Known>,
    ttl: Duration,
    fetch: impl Future<Output = Result<Secret, StoreError>>,
) -> Result<Secret, StoreError> {
    if let Some(Known { secret, until }) = known
        && Instant::now() < *until
    {
        return Ok(secret.clone());
    }
    match (fetch.await, known) {
        (Ok(secret), known) => {
            *known = Some(Known { secret: secret.clone(), until: Instant::now() + ttl });
            Ok(secret)
        }
        // The old value is most probably still valid, and without a value the function cannot work.
        (Err(error), Some(Known { secret, until })) => {
            warn!(%error, "a secret could not be refreshed; its last value is used");
            *until = Instant::now() + STALE_GRACE;
            Ok(secret.clone())
        }
        (Err(error), None) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    fn down() -> Result<Secret, StoreError> {
        Err(StoreError::Unavailable("no answer".into()))
    }

    #[tokio::test]
    async fn read_during_outage_returns_the_cached_value() {
        let mut known = None;
        assert!(current(&mut known, CACHE_TTL, ready(down())).await.is_err(), "no value is cached yet");
        assert_eq!(
            current(&mut known, CACHE_TTL, ready(Ok(Secret::new("old")))).await.unwrap(),
            Secret::new("old")
        );
        let cached = current(&mut known, CACHE_TTL, ready(Ok(Secret::new("new")))).await;
        assert_eq!(cached.unwrap(), Secret::new("old"), "a fresh value is not fetched again");

        let expire = |known: &mut Option<Known>| known.as_mut().unwrap().until = Instant::now();
        expire(&mut known);
        assert_eq!(current(&mut known, CACHE_TTL, ready(down())).await.unwrap(), Secret::new("old"));
        let until = known.as_ref().unwrap().until;
        assert!(
            until > Instant::now() && until <= Instant::now() + STALE_GRACE,
            "the next fetch comes soon, but not at once"
        );
        expire(&mut known);
        assert_eq!(
            current(&mut known, CACHE_TTL, ready(Ok(Secret::new("new")))).await.unwrap(),
            Secret::new("new")
        );
    }
}
