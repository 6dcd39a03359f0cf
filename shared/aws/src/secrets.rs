//! Secrets Manager.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use domain::access::SecretSource;
use domain::primitives::Secret;
use domain::store::StoreError;
use tokio::sync::Mutex;
use tracing::warn;

use crate::errors::unavailable;

/// How long a function goes on with a value it has read.
const CACHE_TTL: Duration = Duration::from_secs(300);
/// How much longer, each time that it cannot be read again.
const STALE_GRACE: Duration = Duration::from_secs(60);

/// One secret, with a memory of its value.
#[derive(Debug)]
pub struct ManagedSecret {
    client: Client,
    id: String,
    // Held over the read, so that a burst of messages reads once.
    known: Mutex<Option<Known>>,
}

/// A value that was read.
#[derive(Debug)]
struct Known {
    secret: Secret,
    /// Until when it is taken to be the present one.
    until: Instant,
}

impl ManagedSecret {
    /// The secret of this name or ARN.
    #[must_use]
    pub fn new(client: Client, id: String) -> Self {
        Self { client, id, known: Mutex::new(None) }
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
        current(&mut *self.known.lock().await, self.fetch()).await
    }

    async fn refresh(&self) -> Result<Secret, StoreError> {
        let mut known = self.known.lock().await;
        let secret = self.fetch().await?;
        *known = Some(Known { secret: secret.clone(), until: Instant::now() + CACHE_TTL });
        Ok(secret)
    }
}

/// The value that is known, or that `fetch` brings where it is too old or there is none.
async fn current(
    known: &mut Option<Known>,
    fetch: impl Future<Output = Result<Secret, StoreError>>,
) -> Result<Secret, StoreError> {
    if let Some(Known { secret, until }) = known
        && Instant::now() < *until
    {
        return Ok(secret.clone());
    }
    match (fetch.await, known) {
        (Ok(secret), known) => {
            *known = Some(Known { secret: secret.clone(), until: Instant::now() + CACHE_TTL });
            Ok(secret)
        }
        // The old value is most probably still the right one, and without it nothing goes on.
        (Err(error), Some(Known { secret, until })) => {
            warn!(%error, "a secret could not be read again; its last value is used");
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
    async fn a_value_that_is_known_outlives_an_outage() {
        let mut known = None;
        assert!(current(&mut known, ready(down())).await.is_err(), "there is none yet");
        assert_eq!(current(&mut known, ready(Ok(Secret::new("old")))).await.unwrap(), Secret::new("old"));
        let young = current(&mut known, ready(Ok(Secret::new("new")))).await;
        assert_eq!(young.unwrap(), Secret::new("old"), "it is not asked for");

        let lapse = |known: &mut Option<Known>| known.as_mut().unwrap().until = Instant::now();
        lapse(&mut known);
        assert_eq!(current(&mut known, ready(down())).await.unwrap(), Secret::new("old"));
        let until = known.as_ref().unwrap().until;
        assert!(
            until > Instant::now() && until <= Instant::now() + STALE_GRACE,
            "asked again soon, not at once"
        );
        lapse(&mut known);
        assert_eq!(current(&mut known, ready(Ok(Secret::new("new")))).await.unwrap(), Secret::new("new"));
    }
}
