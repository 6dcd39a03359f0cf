//! Secrets Manager.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use domain::ports::{SecretSource, StoreError};
use domain::secret::Secret;
use tokio::sync::Mutex;

use crate::unavailable;

/// How long a function goes on with a value it has read.
const REMEMBERED: Duration = Duration::from_secs(300);

/// One secret, with a memory of its value.
#[derive(Debug)]
pub struct ManagedSecret {
    client: Client,
    id: String,
    // Held over the read, so that a burst of messages reads once.
    known: Mutex<Option<(Instant, Secret)>>,
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
        let mut known = self.known.lock().await;
        if let Some((read_at, secret)) = known.as_ref()
            && read_at.elapsed() < REMEMBERED
        {
            return Ok(secret.clone());
        }
        let secret = self.fetch().await?;
        *known = Some((Instant::now(), secret.clone()));
        Ok(secret)
    }

    async fn read_anew(&self) -> Result<Secret, StoreError> {
        let mut known = self.known.lock().await;
        let secret = self.fetch().await?;
        *known = Some((Instant::now(), secret.clone()));
        Ok(secret)
    }
}
