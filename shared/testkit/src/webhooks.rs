//! The memory as what webhooks need besides their rows and their queue.

use async_trait::async_trait;
use domain::access::ClientId;
use domain::primitives::{Lease, LeaseId};
use domain::store::StoreError;
use domain::webhooks::{
    Delivery, DeliveryKey, DeliveryList, DeliveryPage, Generations, HostPlace, HostPlaces, ParkedPage,
    Receiver, ReceiverId, ReceiverStore, SecretGenerations,
};
use domain::{JobId, Timestamp};

use crate::Memory;

/// How many requests to a host may be under way.
const PLACES: usize = 2;

impl Memory {
    /// Puts a URL's row there, as if it had been saved.
    pub fn put_receiver(&self, receiver: &Receiver) {
        self.state().receivers.insert(receiver.id(), receiver.clone());
    }

    /// All URLs of which something is known.
    #[must_use]
    pub fn receivers(&self) -> Vec<Receiver> {
        self.state().receivers.values().cloned().collect()
    }

    /// The requests that are under way to a host, and until when it is thought slow.
    #[must_use]
    pub fn under_way(&self, host: &str) -> (Vec<HostPlace>, Option<Timestamp>) {
        self.state().hosts.get(host).cloned().unwrap_or_default()
    }
}

fn key(delivery: &Delivery) -> DeliveryKey {
    (delivery.job_id, delivery.id)
}

#[async_trait]
impl DeliveryList for Memory {
    async fn deliveries_of(&self, job: JobId) -> Result<Vec<Delivery>, StoreError> {
        let state = self.call("deliveries_of")?;
        Ok(state.deliveries.values().filter(|delivery| delivery.job_id == job).cloned().collect())
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
impl ReceiverStore for Memory {
    async fn load_receiver(&self, id: &ReceiverId) -> Result<Option<Receiver>, StoreError> {
        Ok(self.call("load_receiver")?.receivers.get(id).cloned())
    }

    async fn save_receiver(&self, receiver: &mut Receiver) -> Result<(), StoreError> {
        let mut state = self.call("save_receiver")?;
        let id = receiver.id();
        if state.receivers.get(&id).map_or(0, |row| row.revision) != receiver.revision {
            return Err(StoreError::Conflict);
        }
        receiver.revision += 1;
        state.receivers.insert(id, receiver.clone());
        Ok(())
    }

    async fn switched_off(&self, client: &ClientId, limit: u16) -> Result<Vec<Receiver>, StoreError> {
        let state = self.call("switched_off")?;
        let off = state.receivers.values().filter(|row| row.client_id == *client && row.is_off());
        Ok(off.take(usize::from(limit)).cloned().collect())
    }

    async fn parked(
        &self,
        id: &ReceiverId,
        after: Option<(Timestamp, DeliveryKey)>,
        limit: u16,
    ) -> Result<ParkedPage, StoreError> {
        let state = self.call("parked")?;
        let order = |(at, (_, id)): &(Timestamp, DeliveryKey)| (*at, id.uuid());
        let mut parked: Vec<_> = state
            .deliveries
            .values()
            .filter(|delivery| delivery.parked && ReceiverId::of(&delivery.client_id, &delivery.url) == *id)
            .filter_map(|delivery| Some((delivery.due_at?, key(delivery))))
            .filter(|one| after.is_none_or(|after| order(one) > order(&after)))
            .collect();
        parked.sort_by_key(order);
        let more = parked.len() > usize::from(limit);
        parked.truncate(usize::from(limit));
        let next = parked.last().copied().filter(|_| more);
        Ok(ParkedPage { keys: parked.into_iter().map(|(_, key)| key).collect(), next })
    }
}

#[async_trait]
impl SecretGenerations for Memory {
    async fn generations(&self, client: &ClientId) -> Result<Generations, StoreError> {
        Ok(self.call("generations")?.generations.get(client).cloned().unwrap_or_default())
    }

    async fn replace_generations(
        &self,
        client: &ClientId,
        read: &Generations,
        next: &Generations,
    ) -> Result<(), StoreError> {
        let mut state = self.call("replace_generations")?;
        let row = state.generations.entry(client.clone()).or_default();
        if row != read {
            return Err(StoreError::Conflict);
        }
        *row = next.clone();
        Ok(())
    }
}

#[async_trait]
impl HostPlaces for Memory {
    async fn begin_request(
        &self,
        host: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<HostPlace>, StoreError> {
        let mut state = self.call("begin_request")?;
        let (places, _) = state.hosts.entry(host.to_owned()).or_default();
        places.retain(|place| place.lease.until > now);
        let free = (0..PLACES).find(|number| places.iter().all(|place| place.number != *number));
        let place = free.map(|number| HostPlace { number, lease: Lease { id: LeaseId::new(), until } });
        places.extend(place);
        Ok(place)
    }

    async fn end_request(
        &self,
        host: &str,
        place: HostPlace,
        slow_until: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let mut state = self.call("end_request")?;
        let (places, slow) = state.hosts.entry(host.to_owned()).or_default();
        places.retain(|one| *one != place);
        *slow = slow_until.or(*slow);
        Ok(())
    }
}
