//! The jobs table: what is under way at the providers.

use async_trait::async_trait;
use domain::Timestamp;
use domain::providers::{Traffic, TrafficStore};
use domain::store::StoreError;

use crate::dynamodb::row::{Row, numeral, read_if_there};
use crate::dynamodb::table::JobsTable;
use crate::keys;

/// How long a provider's row outlives its last call: longer than anything in it is of use.
const KEPT: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

#[async_trait]
impl TrafficStore for JobsTable {
    async fn traffic(&self, provider: &str) -> Result<Traffic, StoreError> {
        let row = self.get(keys::TRAFFIC.to_owned(), provider.to_owned()).await?;
        // A row whose time is up may still be there, and would refuse to be made a second time.
        let revision = row.as_ref().and_then(|row| numeral(row, "revision")).unwrap_or(0);
        let traffic: Option<Traffic> = read_if_there(row)?;
        let mut traffic = traffic.unwrap_or_else(|| Traffic::new(provider));
        traffic.revision = u64::try_from(revision).unwrap_or(0);
        Ok(traffic)
    }

    async fn save_traffic(&self, traffic: &mut Traffic) -> Result<(), StoreError> {
        let mut next = traffic.clone();
        next.revision += 1;
        let row = Row {
            pk: keys::TRAFFIC.to_owned(),
            sk: next.provider.clone(),
            due_shard: None,
            ttl: (Timestamp::now() + KEPT).seconds(),
            listed: None,
            value: &next,
        };
        self.put(row.into_item()?, traffic.revision).await?;
        *traffic = next;
        Ok(())
    }
}
