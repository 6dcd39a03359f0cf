//! A store that is slow: a request must end before its permit, its lease and the function do.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::access::ClientId;
use domain::primitives::source::{Source, install};
use domain::store::StoreError;
use domain::webhooks::{
    Delivery, DeliveryState, DeliveryStore, MessagePurpose, SecretVersionStore, SecretVersions,
    WebhookMessage,
};
use domain::{JobId, Timestamp, WebhookId};
use testkit::{Memory, Sent};
use webhook_sender::{Deps, deliver};

use crate::deliver::{WebhookEndpoint, deps, pending};

const HOST: &str = "example.com:443";

/// A clock that moves only when a store is called.
#[derive(Clone)]
struct Clock(Arc<AtomicI64>);

impl Source for Clock {
    fn now_millis(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn fill(&self, bytes: &mut [u8]) {
        // Every id is different.
        let next = self.0.load(Ordering::Relaxed) ^ bytes.as_ptr() as i64;
        for (byte, value) in bytes.iter_mut().zip(next.to_le_bytes().iter().cycle()) {
            *byte = *value;
        }
    }
}

impl Clock {
    fn pass(&self, time: Duration) {
        self.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

/// A memory whose calls before and of the lease take this long.
struct SlowStore<'a> {
    store: &'a Memory,
    clock: Clock,
    versions: Duration,
    lease: Duration,
}

#[async_trait]
impl SecretVersionStore for SlowStore<'_> {
    async fn secret_versions(&self, client: &ClientId) -> Result<SecretVersions, StoreError> {
        self.clock.pass(self.versions);
        self.store.secret_versions(client).await
    }

    async fn replace_secret_versions(
        &self,
        client: &ClientId,
        read: &SecretVersions,
        next: &SecretVersions,
    ) -> Result<(), StoreError> {
        self.store.replace_secret_versions(client, read, next).await
    }
}

#[async_trait]
impl DeliveryStore for SlowStore<'_> {
    async fn load_delivery(&self, job: JobId, id: WebhookId) -> Result<Option<Delivery>, StoreError> {
        self.store.load_delivery(job, id).await
    }

    async fn save_delivery(&self, delivery: &mut Delivery) -> Result<(), StoreError> {
        if delivery.lease.is_some() {
            self.clock.pass(self.lease);
        }
        self.store.save_delivery(delivery).await
    }
}

/// Handles one message while these calls take so long. Returns how many requests were made, and the row.
async fn send_slowly(store: &Memory, delivery: &Delivery, versions: u64, lease: u64) -> (usize, Delivery) {
    let clock = Clock(Arc::new(AtomicI64::new(Timestamp::now().millis())));
    let _installed = install(Rc::new(clock.clone()));
    let slow = SlowStore {
        store,
        clock,
        versions: Duration::from_secs(versions),
        lease: Duration::from_secs(lease),
    };
    let endpoint = WebhookEndpoint::default();
    let deps = Deps { deliveries: &slow, secret_versions: &slow, ..deps(store, &endpoint) };
    let message = WebhookMessage::about(delivery);
    deliver::deliver(&deps, message, Timestamp::now() + Duration::from_secs(30)).await.unwrap();
    let calls = endpoint.got.lock().unwrap().len();
    (calls, store.deliveries().pop().unwrap())
}

#[tokio::test]
async fn request_that_could_outlive_its_permit_is_not_made() {
    for (versions, lease) in [(10, 0), (0, 10), (5, 5), (0, 25)] {
        let store = Memory::new();
        let delivery = pending(&store);
        let (calls, row) = send_slowly(&store, &delivery, versions, lease).await;
        assert_eq!(calls, 0, "{versions} s and {lease} s before the request");
        assert_eq!((row.attempts, row.retry_index, row.lease, row.log.len()), (0, 0, None, 0), "no attempt");
        assert_eq!((row.state, row.not_before), (DeliveryState::Pending, None));
        assert!(store.host(HOST).held.is_empty(), "its permit is released");
        let [Sent::Webhook(WebhookMessage::V1 { webhook_id, purpose, .. }, _)] = store.sent()[..] else {
            panic!("{:?}", store.sent());
        };
        assert_eq!((webhook_id, purpose), (delivery.id, MessagePurpose::Attempt), "it is sent again");
        assert_eq!(send_slowly(&store, &delivery, 0, 0).await.0, 1);
    }
}

#[tokio::test]
async fn request_is_made_if_its_permit_lasts() {
    for (versions, lease) in [(0, 0), (8, 0), (0, 8), (4, 4)] {
        let store = Memory::new();
        let delivery = pending(&store);
        let (calls, row) = send_slowly(&store, &delivery, versions, lease).await;
        assert_eq!((calls, row.state), (1, DeliveryState::Delivered), "{versions} s and {lease} s");
    }
}
