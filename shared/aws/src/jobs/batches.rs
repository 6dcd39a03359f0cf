//! The rows of batches in the jobs table.

use async_trait::async_trait;
use domain::jobs::BatchStore;
use domain::store::StoreError;
use domain::{Batch, BatchId};

use crate::dynamodb::row::{Item, Row, read_if_there};
use crate::dynamodb::table::JobsTable;
use crate::keys;

fn item(batch: &Batch) -> Result<Item, StoreError> {
    Row {
        pk: keys::batch_partition(batch.id),
        sk: keys::batch_sort().to_owned(),
        due_shard: batch.due_at.map(|_| keys::batch_due_shard(batch.id)),
        ttl: batch.lifetimes.expires_at.seconds(),
        listed: None,
        value: batch,
    }
    .into_item()
}

#[async_trait]
impl BatchStore for JobsTable {
    async fn load_batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        read_if_there(self.get(keys::batch_partition(id), keys::batch_sort().to_owned()).await?)
    }

    async fn save_batch(&self, batch: &mut Batch) -> Result<(), StoreError> {
        let mut next = batch.clone();
        next.revision += 1;
        self.put(item(&next)?, batch.revision).await?;
        *batch = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::dynamodb::row::read;
    use aws_sdk_dynamodb::types::AttributeValue;
    use domain::images::{Count, Picture, Prompt, ProviderChoice, Quality, Size, Style};
    use domain::jobs::{
        BatchRequest, BatchedJob, JobPolicy, Metadata, WebhookEvent, WebhookTarget, WebhookUrl,
        WebhookUrlPolicy,
    };
    use domain::primitives::{NamedValue as _, Priority};
    use domain::{TraceId, UserId};

    /// Returns the size that DynamoDB counts for a value: its bytes, plus an overhead for lists and maps.
    fn size(value: &AttributeValue) -> usize {
        if let AttributeValue::S(text) = value {
            text.len()
        } else if let AttributeValue::N(number) = value {
            number.len() / 2 + 2
        } else if let AttributeValue::L(list) = value {
            3 + list.iter().map(|value| 1 + size(value)).sum::<usize>()
        } else if let AttributeValue::M(map) = value {
            3 + map.iter().map(|(name, value)| 1 + name.len() + size(value)).sum::<usize>()
        } else {
            panic!("{value:?}")
        }
    }

    #[test]
    fn largest_batch_request_fits_into_a_row() {
        const BODY: usize = 256 * 1024;
        let metadata = format!(r#"{{"a":"{}"}}"#, "x".repeat(1000));
        let job = BatchedJob {
            picture: Picture {
                // The prompt takes all bytes of the body that the metadata leaves.
                prompt: Prompt::try_from("ü".repeat((BODY / 100 - metadata.len()) / 2)).unwrap(),
                provider: ProviderChoice::StableDiffusion,
                size: Size::Wide1792,
                count: Count::ONE,
                quality: Quality::Standard,
                style: Some(Style::Natural),
            },
            priority: Priority::Normal,
            metadata: Some(Metadata::try_from(metadata).unwrap()),
            estimate: None,
        };
        // Percent-encoding turns each of these bytes into three.
        let url = format!("https://example.com/{}", "<".repeat(2000));
        let url = WebhookUrl::parse(&url, WebhookUrlPolicy::HttpsOnly).unwrap();
        let webhook = Some(WebhookTarget { url, events: WebhookEvent::ALL.to_vec() });
        let request = BatchRequest { user: UserId::new(), jobs: vec![job; 100], webhook };
        let (id, now) = (BatchId::made_from(BatchId::new().uuid()), Timestamp::now());
        let client = "c".repeat(64).parse().unwrap();
        let batch = Batch::accept(id, request, client, TraceId::new(), now, &JobPolicy::default());
        let bytes = size(&AttributeValue::M(item(&batch).unwrap()));
        assert!((BODY..400_000).contains(&bytes), "{bytes} bytes");
    }

    #[test]
    fn batch_read_from_its_row_is_equal() {
        let mut batch = Batch::accept(
            BatchId::made_from(BatchId::new().uuid()),
            BatchRequest { user: UserId::new(), jobs: vec![], webhook: None },
            "acme".parse().unwrap(),
            TraceId::new(),
            Timestamp::now(),
            &JobPolicy::default(),
        );
        let row = item(&batch).unwrap();
        assert!(row.contains_key("dueShard") && !row.contains_key("listClient"));
        assert_eq!(read(row, Timestamp::now()).unwrap(), Some(batch.clone()));
        batch.written();
        let row = item(&batch).unwrap();
        assert!(!row.contains_key("dueShard") && !row.contains_key("dueAt"));
    }
}
