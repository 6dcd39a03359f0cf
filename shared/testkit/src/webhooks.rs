//! [`Memory`] as the store of webhook lists, endpoints and secret versions.

use async_trait::async_trait;
use domain::access::ClientId;
use domain::store::StoreError;
use domain::webhooks::{
    Delivery, DeliveryKey, DeliveryList, DeliveryPage, HeldPage, JobDeliveries, SecretVersionStore,
    SecretVersions, WebhookEndpoint, WebhookEndpointId, WebhookEndpointStore,
};
use domain::{JobId, Timestamp, WebhookId};

use crate::Memory;

impl Memory {
    /// Adds or replaces an endpoint, without a check of its revision.
    pub fn put_endpoint(&self, endpoint: &WebhookEndpoint) {
        self.state().endpoints.insert(endpoint.id(), endpoint.clone());
    }

    #[must_use]
    pub fn endpoints(&self) -> Vec<WebhookEndpoint> {
        self.state().endpoints.values().cloned().collect()
    }
}

fn key(delivery: &Delivery) -> DeliveryKey {
    (delivery.job_id, delivery.id)
}

#[async_trait]
impl DeliveryList for Memory {
    async fn deliveries_of(&self, job: JobId, after: Option<WebhookId>) -> Result<JobDeliveries, StoreError> {
        let state = self.call("deliveries_of")?;
        let wanted = |delivery: &&Delivery| {
            delivery.job_id == job && after.is_none_or(|after| delivery.id.uuid() > after.uuid())
        };
        Ok(JobDeliveries {
            deliveries: state.deliveries.values().filter(wanted).cloned().collect(),
            more: false,
        })
    }

    async fn deliveries_between(
        &self,
        client: &ClientId,
        since: Timestamp,
        until: Timestamp,
        after: Option<DeliveryKey>,
        limit: u16,
    ) -> Result<DeliveryPage, StoreError> {
        let state = self.call("deliveries_between")?;
        let mut keys: Vec<_> = state
            .deliveries
            .values()
            .filter(|delivery| delivery.client_id == *client)
            .filter(|delivery| (since..until).contains(&delivery.happened_at))
            .filter(|delivery| after.is_none_or(|(_, after)| delivery.id.uuid() > after.uuid()))
            .map(key)
            .collect();
        let more = keys.len() > usize::from(limit);
        keys.truncate(usize::from(limit));
        let next = keys.last().copied().filter(|_| more);
        Ok(DeliveryPage { keys, next })
    }
}

#[async_trait]
impl WebhookEndpointStore for Memory {
    async fn load_endpoint(&self, id: &WebhookEndpointId) -> Result<Option<WebhookEndpoint>, StoreError> {
        Ok(self.call("load_endpoint")?.endpoints.get(id).cloned())
    }

    async fn save_endpoint(&self, endpoint: &mut WebhookEndpoint) -> Result<(), StoreError> {
        let mut state = self.call("save_endpoint")?;
        let id = endpoint.id();
        if state.endpoints.get(&id).map_or(0, |row| row.revision) != endpoint.revision {
            return Err(StoreError::Conflict);
        }
        endpoint.revision += 1;
        state.endpoints.insert(id, endpoint.clone());
        Ok(())
    }

    async fn disabled_endpoints(
        &self,
        client: &ClientId,
        limit: u16,
    ) -> Result<Vec<WebhookEndpoint>, StoreError> {
        let state = self.call("disabled_endpoints")?;
        let disabled = state.endpoints.values().filter(|row| row.client_id == *client && row.is_disabled());
        Ok(disabled.take(usize::from(limit)).cloned().collect())
    }

    async fn held_deliveries(
        &self,
        id: &WebhookEndpointId,
        after: Option<(Timestamp, DeliveryKey)>,
        limit: u16,
    ) -> Result<HeldPage, StoreError> {
        let state = self.call("held_deliveries")?;
        let order = |(at, (_, id)): &(Timestamp, DeliveryKey)| (*at, id.uuid());
        let mut held: Vec<_> = state
            .deliveries
            .values()
            .filter(|delivery| {
                delivery.held && WebhookEndpointId::of(&delivery.client_id, &delivery.url) == *id
            })
            .filter_map(|delivery| Some((delivery.due_at?, key(delivery))))
            .filter(|entry| after.is_none_or(|after| order(entry) > order(&after)))
            .collect();
        held.sort_by_key(order);
        let more = held.len() > usize::from(limit);
        held.truncate(usize::from(limit));
        let next = held.last().copied().filter(|_| more);
        Ok(HeldPage { keys: held.into_iter().map(|(_, key)| key).collect(), next })
    }
}

#[async_trait]
impl SecretVersionStore for Memory {
    async fn secret_versions(&self, client: &ClientId) -> Result<SecretVersions, StoreError> {
        Ok(self.call("secret_versions")?.secret_versions.get(client).cloned().unwrap_or_default())
    }

    async fn replace_secret_versions(
        &self,
        client: &ClientId,
        read: &SecretVersions,
        next: &SecretVersions,
    ) -> Result<(), StoreError> {
        let mut state = self.call("replace_secret_versions")?;
        let row = state.secret_versions.entry(client.clone()).or_default();
        if row != read {
            return Err(StoreError::Conflict);
        }
        *row = next.clone();
        Ok(())
    }
}
