//! [`Memory`] as the registry of API keys.

use async_trait::async_trait;
use domain::access::{ClientId, KeyRecord, KeyRegistry, KeySummary, Limits};
use domain::store::StoreError;
use domain::{KeyId, Timestamp};

use crate::Memory;

#[async_trait]
impl KeyRegistry for Memory {
    async fn add(&self, record: &KeyRecord) -> Result<(), StoreError> {
        self.call("add")?.keys.insert(record.id.to_string(), record.clone());
        Ok(())
    }

    async fn current(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        Ok(self.call("current")?.keys.get(&id.to_string()).cloned())
    }

    async fn keys_of(&self, client: &ClientId) -> Result<Vec<KeySummary>, StoreError> {
        let state = self.call("keys_of")?;
        let own = state.keys.values().filter(|record| record.client_id == *client);
        Ok(own.map(KeyRecord::summary).collect())
    }

    async fn revoke(&self, id: KeyId, at: Timestamp) -> Result<(), StoreError> {
        if let Some(record) = self.call("revoke")?.keys.get_mut(&id.to_string()) {
            record.revoked_at = record.revoked_at.or(Some(at));
        }
        Ok(())
    }

    async fn rotate(&self, old: &KeyRecord, old_ends: Timestamp, new: &KeyRecord) -> Result<(), StoreError> {
        let mut state = self.call("rotate")?;
        let Some(row) = state.keys.get_mut(&old.id.to_string()) else { return Err(StoreError::Conflict) };
        if row.revoked_at.is_some() || row.expires_at != old.expires_at {
            return Err(StoreError::Conflict);
        }
        row.expires_at = Some(old_ends);
        state.keys.insert(new.id.to_string(), new.clone());
        Ok(())
    }

    async fn set_limits(&self, client: &ClientId, limits: &Limits) -> Result<(), StoreError> {
        let mut state = self.call("set_limits")?;
        state.limits.entry(client.clone()).or_default().0.extend(&limits.0);
        Ok(())
    }
}
