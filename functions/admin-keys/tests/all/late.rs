//! A registry whose first list is answered only when several requests wait for theirs.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use domain::access::{ClientId, KeyRecord, KeyRegistry, KeySummary, Limits};
use domain::store::StoreError;
use domain::{KeyId, Timestamp};
use testkit::Memory;
use tokio::sync::Barrier;

pub(crate) struct Late<'a> {
    pub store: &'a Memory,
    pub barrier: &'a Barrier,
    pub first: AtomicBool,
}

#[async_trait]
impl KeyRegistry for Late<'_> {
    async fn add(&self, record: &KeyRecord) -> Result<(), StoreError> {
        self.store.add(record).await
    }

    async fn current(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        self.store.current(id).await
    }

    async fn keys_of(&self, client: &ClientId) -> Result<Vec<KeySummary>, StoreError> {
        let keys = self.store.keys_of(client).await;
        if self.first.swap(false, Ordering::Relaxed) {
            self.barrier.wait().await;
        }
        keys
    }

    async fn revoke(&self, id: KeyId, at: Timestamp) -> Result<(), StoreError> {
        self.store.revoke(id, at).await
    }

    async fn rotate(&self, old: &KeyRecord, old_ends: Timestamp, new: &KeyRecord) -> Result<(), StoreError> {
        self.store.rotate(old, old_ends, new).await
    }

    async fn set_limits(&self, client: &ClientId, limits: &Limits) -> Result<(), StoreError> {
        self.store.set_limits(client, limits).await
    }
}
