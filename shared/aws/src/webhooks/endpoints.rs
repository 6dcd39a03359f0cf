//! The jobs table: the URLs of webhooks that are, or were, in trouble.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::access::ClientId;
use domain::store::StoreError;
use domain::webhooks::{DeliveryKey, ParkedPage, Receiver, ReceiverId, ReceiverStore};

use crate::dynamodb::row::{Row, key, number, numeral, read_if_there};
use crate::dynamodb::table::JobsTable;
use crate::errors::unavailable;
use crate::keys;
use crate::webhooks::deliveries::key_of;

#[async_trait]
impl ReceiverStore for JobsTable {
    async fn load_receiver(&self, id: &ReceiverId) -> Result<Option<Receiver>, StoreError> {
        read_if_there(self.get(keys::receiver_partition(id), keys::receiver_sort().to_owned()).await?)
    }

    async fn save_receiver(&self, receiver: &mut Receiver) -> Result<(), StoreError> {
        let id = receiver.id();
        let mut read = receiver.revision;
        if read == 0 {
            // A row whose time is up may still be there, and would refuse to be made a second time.
            let row = self.get(keys::receiver_partition(&id), keys::receiver_sort().to_owned()).await?;
            let expired: Option<Receiver> = read_if_there(row.clone())?;
            if let (Some(row), None) = (&row, expired) {
                read =
                    numeral(row, "revision").and_then(|revision| u64::try_from(revision).ok()).unwrap_or(0);
            }
        }
        let mut next = receiver.clone();
        next.revision = read + 1;
        let row = Row {
            pk: keys::receiver_partition(&id),
            sk: keys::receiver_sort().to_owned(),
            due_shard: next.due_at.map(|_| keys::receiver_due_shard(&id)),
            ttl: next.expires_at.seconds(),
            listed: None,
            value: &next,
        };
        let mut item = row.into_item()?;
        if next.is_off() {
            // By which its client finds it, beside its webhooks.
            item.insert("hookClient".to_owned(), AttributeValue::S(id.client.to_string()));
        }
        self.put(item, read).await?;
        *receiver = next;
        Ok(())
    }

    async fn switched_off(&self, client: &ClientId, limit: u16) -> Result<Vec<Receiver>, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::HOOKS_INDEX)
            .key_condition_expression("hookClient = :client AND sk = :receiver")
            .expression_attribute_values(":client", AttributeValue::S(client.to_string()))
            .expression_attribute_values(":receiver", AttributeValue::S(keys::receiver_sort().to_owned()))
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| unavailable("Query", error))?;
        let mut all = Vec::new();
        // They are few: a URL that fails for five days is a rare thing.
        for partition in answer.items().iter().filter_map(|item| item.get("pk")?.as_s().ok()) {
            let row = self.get(partition.clone(), keys::receiver_sort().to_owned()).await?;
            // The index may lag behind the rows.
            all.extend(read_if_there(row)?.filter(Receiver::is_off));
        }
        Ok(all)
    }

    async fn parked(
        &self,
        id: &ReceiverId,
        after: Option<(Timestamp, DeliveryKey)>,
        limit: u16,
    ) -> Result<ParkedPage, StoreError> {
        let shard = AttributeValue::S(keys::parked_shard(id));
        let start = after.map(|(at, (job, webhook))| {
            let mut start = key(keys::job_partition(job), keys::webhook_sort(webhook));
            start.insert("dueShard".to_owned(), shard.clone());
            start.insert("dueAt".to_owned(), number(at.millis()));
            start
        });
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::DUE_INDEX)
            .key_condition_expression("dueShard = :shard")
            .expression_attribute_values(":shard", shard)
            .set_exclusive_start_key(start)
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| unavailable("Query", error))?;
        let last = answer.last_evaluated_key();
        let next =
            last.and_then(|last| Some((Timestamp::from_millis(numeral(last, "dueAt")?), key_of(last)?)));
        Ok(ParkedPage { keys: answer.items().iter().filter_map(key_of).collect(), next })
    }
}
