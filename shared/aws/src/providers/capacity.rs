//! The provider capacities in the jobs table.

use async_trait::async_trait;
use domain::Timestamp;
use domain::providers::{CapacityStore, ProviderCapacity};
use domain::store::StoreError;

use crate::dynamodb::row::{Row, numeral, read_if_there};
use crate::dynamodb::table::JobsTable;
use crate::keys;

/// How long a provider's row is kept after its last call. This is longer than anything in it is needed.
const RETENTION: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

#[async_trait]
impl CapacityStore for JobsTable {
    async fn load_capacity(&self, provider: &str) -> Result<ProviderCapacity, StoreError> {
        let row = self.get(keys::CAPACITY.to_owned(), provider.to_owned()).await?;
        // An expired row may still exist. A write with revision 0 would then fail, so its revision is read
        // too.
        let revision = row.as_ref().and_then(|row| numeral(row, "revision")).unwrap_or(0);
        let capacity: Option<ProviderCapacity> = read_if_there(row)?;
        let mut capacity = capacity.unwrap_or_else(|| ProviderCapacity::new(provider));
        capacity.revision = u64::try_from(revision).unwrap_or(0);
        Ok(capacity)
    }

    async fn save_capacity(&self, capacity: &mut ProviderCapacity) -> Result<(), StoreError> {
        let mut next = capacity.clone();
        next.revision += 1;
        let row = Row {
            pk: keys::CAPACITY.to_owned(),
            sk: next.provider.clone(),
            due_shard: None,
            ttl: (Timestamp::now() + RETENTION).seconds(),
            listed: None,
            value: &next,
        };
        self.put(row.into_item()?, capacity.revision).await?;
        *capacity = next;
        Ok(())
    }
}
