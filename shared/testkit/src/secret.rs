//! A fake secret that tests can change.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::access::SecretSource;
use domain::primitives::Secret;
use domain::store::StoreError;

/// A cached secret, like the real one: a changed value is visible only after a refresh.
pub struct KeptSecret {
    stored: Mutex<Stored>,
    cache: tokio::sync::Mutex<Option<Secret>>,
}

struct Stored {
    text: Option<String>,
    reads: usize,
}

impl KeptSecret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let stored = Mutex::new(Stored { text: Some(text.into()), reads: 0 });
        Self { stored, cache: tokio::sync::Mutex::new(None) }
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the stored value. The cached value stays until the next refresh.
    pub fn put(&self, text: impl Into<String>) {
        self.stored().text = Some(text.into());
    }

    /// Makes all later reads of the stored value fail, until the next [`KeptSecret::put`].
    pub fn fail(&self) {
        self.stored().text = None;
    }

    /// Returns the number of reads of the stored value. Reads of the cached value do not count.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.stored().reads
    }

    async fn fetch(&self) -> Result<Secret, StoreError> {
        self.stored().reads += 1;
        // Yields, because the real read takes time: other callers run in the meantime.
        tokio::task::yield_now().await;
        let text = self.stored().text.clone();
        text.map(Secret::new).ok_or_else(|| StoreError::Unavailable("no answer".into()))
    }
}

#[async_trait]
impl SecretSource for KeptSecret {
    async fn read(&self) -> Result<Secret, StoreError> {
        let mut cached = self.cache.lock().await;
        if let Some(secret) = cached.as_ref() {
            return Ok(secret.clone());
        }
        Ok(cached.insert(self.fetch().await?).clone())
    }

    async fn refresh(&self) -> Result<Secret, StoreError> {
        let mut cached = self.cache.lock().await;
        Ok(cached.insert(self.fetch().await?).clone())
    }
}
