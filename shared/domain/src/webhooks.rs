//! Webhooks: the outbox, attempts and retries, endpoints and signatures.

pub(crate) mod attempt;
pub(crate) mod delivery;
pub(crate) mod endpoint;
pub(crate) mod lifecycle;
pub(crate) mod ports;
pub(crate) mod retry_schedule;
pub(crate) mod signature;

pub use attempt::{ANSWER_KEPT, Answer, Attempt, Outcome};
pub use delivery::{Delivery, DeliveryState, Snapshot, Turn};
pub use endpoint::{Chore, Receiver, ReceiverId};
pub use ports::{
    DeliveryKey, DeliveryList, DeliveryPage, DeliveryStore, HostPlace, HostPlaces, ParkedPage, ReceiverStore,
    SecretGenerations, WebhookMessage, WebhookQueue,
};
pub use retry_schedule::{LADDER, Tempo, wait_for_place};
pub use signature::{Generations, SigningSecret};
