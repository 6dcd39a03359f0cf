//! Webhooks: the outbox, delivery attempts and retries, endpoints, and signatures.

pub(crate) mod attempt;
pub(crate) mod delivery;
pub(crate) mod endpoint;
pub(crate) mod lifecycle;
pub(crate) mod ports;
pub(crate) mod retry_schedule;
pub(crate) mod signature;

pub use attempt::{Attempt, EndpointResponse, MAX_RESPONSE_KEPT, Outcome};
pub use delivery::{Delivery, DeliveryState, Readiness, Snapshot};
pub use endpoint::{NextAction, WebhookEndpoint, WebhookEndpointId};
pub use ports::{
    DeliveryKey, DeliveryList, DeliveryPage, DeliveryStore, HeldPage, HostPermit, HostPermitStore,
    SecretVersionStore, WebhookEndpointStore, WebhookMessage, WebhookQueue,
};
pub use retry_schedule::{RETRY_SCHEDULE, TimeScale, permit_backoff};
pub use signature::{SecretVersions, SigningSecret};
