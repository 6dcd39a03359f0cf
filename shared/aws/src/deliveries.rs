//! The webhooks that are owed: rows beside their job's.

use async_trait::async_trait;
use domain::delivery::Delivery;
use domain::ports::{DeliveryStore, StoreError};
use domain::{JobId, Timestamp, WebhookId};

use crate::jobs::JobsTable;
use crate::keys;
use crate::row::{Item, Row, read};

pub(crate) fn item(delivery: &Delivery) -> Result<Item, StoreError> {
    let sort = keys::webhook_sort(delivery.id);
    Row::new(delivery.job_id, sort, delivery.due_at, delivery.expires_at, delivery).into_item()
}

#[async_trait]
impl DeliveryStore for JobsTable {
    async fn load_delivery(&self, job: JobId, id: WebhookId) -> Result<Option<Delivery>, StoreError> {
        match self.get(job, keys::webhook_sort(id)).await? {
            Some(item) => read(item, Timestamp::now()),
            None => Ok(None),
        }
    }

    async fn save_delivery(&self, delivery: &mut Delivery) -> Result<(), StoreError> {
        let mut next = delivery.clone();
        next.revision += 1;
        self.put(item(&next)?, delivery.revision).await?;
        *delivery = next;
        Ok(())
    }
}
