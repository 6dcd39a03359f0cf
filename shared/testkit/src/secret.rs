//! A secret that tests change.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::access::SecretSource;
use domain::primitives::Secret;
use domain::store::StoreError;

/// A secret with a memory, as the real one: what is put there shows when it is read anew.
pub struct KeptSecret {
    stored: Mutex<Stored>,
    known: tokio::sync::Mutex<Option<Secret>>,
}

struct Stored {
    text: Option<String>,
    reads: usize,
}

impl KeptSecret {
    /// One of this value.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let stored = Mutex::new(Stored { text: Some(text.into()), reads: 0 });
        Self { stored, known: tokio::sync::Mutex::new(None) }
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it.
    pub fn put(&self, text: impl Into<String>) {
        self.stored().text = Some(text.into());
    }

    /// From now on it cannot be read.
    pub fn fail(&self) {
        self.stored().text = None;
    }

    /// How often it was really read, and not remembered.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.stored().reads
    }

    async fn fetch(&self) -> Result<Secret, StoreError> {
        self.stored().reads += 1;
        // Takes a while, as the real one does: others who ask meanwhile get their turn.
        tokio::task::yield_now().await;
        let text = self.stored().text.clone();
        text.map(Secret::new).ok_or_else(|| StoreError::Unavailable("no answer".into()))
    }
}

#[async_trait]
impl SecretSource for KeptSecret {
    async fn read(&self) -> Result<Secret, StoreError> {
        let mut known = self.known.lock().await;
        if let Some(secret) = known.as_ref() {
            return Ok(secret.clone());
        }
        Ok(known.insert(self.fetch().await?).clone())
    }

    async fn refresh(&self) -> Result<Secret, StoreError> {
        let mut known = self.known.lock().await;
        Ok(known.insert(self.fetch().await?).clone())
    }
}
