//! Webhooks: the outbox, delivery attempts and retries, endpoints, and signatures.

pub(crate) mod attempt;
pub(crate) mod delivery;
pub(crate) mod endpoint;
pub(crate) mod host_permits;
pub(crate) mod lane;
pub(crate) mod lifecycle;
pub(crate) mod ports;
pub(crate) mod retry_schedule;
pub(crate) mod signature;
pub(crate) mod waiting_line;

pub use attempt::{Attempt, EndpointResponse, MAX_RESPONSE_KEPT, Outcome};
pub use delivery::{Delivery, DeliveryState, Readiness, Snapshot};
pub use endpoint::{NextAction, WebhookEndpoint, WebhookEndpointId};
pub use host_permits::{HostPermit, HostPermits, Line};
pub use lane::{HostLimits, Lane};
pub use ports::{
    Acquisition, DeliveryKey, DeliveryList, DeliveryPage, DeliveryStore, HeldPage, HostPermitStore,
    JobDeliveries, MessagePurpose, Release, SecretVersionStore, Turn, WebhookEndpointStore, WebhookMessage,
    WebhookQueue,
};
pub use retry_schedule::{RETRY_SCHEDULE, TimeScale};
pub use signature::{SecretVersions, SigningSecret};
pub use waiting_line::{LineEntry, WaitingLineStore};
