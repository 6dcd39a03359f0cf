//! The webhooks that are owed: rows beside their job's.

use async_trait::async_trait;
use domain::delivery::Delivery;
use domain::ports::{DeliveryStore, StoreError};
use domain::{JobId, WebhookId};

use crate::jobs::JobsTable;
use crate::keys;
use crate::row::{Item, Row, read_if_there};

pub(crate) fn item(delivery: &Delivery) -> Result<Item, StoreError> {
    Row {
        pk: keys::job_partition(delivery.job_id),
        sk: keys::webhook_sort(delivery.id),
        due_shard: delivery.due_at.map(|_| keys::due_shard(delivery.job_id)),
        ttl: delivery.expires_at.seconds(),
        listed: None,
        value: delivery,
    }
    .into_item()
}

#[async_trait]
impl DeliveryStore for JobsTable {
    async fn load_delivery(&self, job: JobId, id: WebhookId) -> Result<Option<Delivery>, StoreError> {
        read_if_there(self.get(keys::job_partition(job), keys::webhook_sort(id)).await?)
    }

    async fn save_delivery(&self, delivery: &mut Delivery) -> Result<(), StoreError> {
        let mut next = delivery.clone();
        next.revision += 1;
        self.put(item(&next)?, delivery.revision).await?;
        *delivery = next;
        Ok(())
    }
}
