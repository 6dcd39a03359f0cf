//! Delivers webhooks: from the stream to the queue, from the queue to the receiver.
//!
//! The row of a delivery decides everything; stream and queue only wake.

pub mod deliver;
pub mod forward;
pub mod post;

use std::time::Duration;

use domain::ports::{DeliveryStore, SecretSource, WebhookQueue};

/// What the sender needs.
pub struct Deps<'a> {
    /// Where deliveries are kept.
    pub deliveries: &'a dyn DeliveryStore,
    /// What wakes senders.
    pub queue: &'a dyn WebhookQueue,
    /// What clients' secrets are derived from.
    pub master_secret: &'a dyn SecretSource,
    /// The way to receivers.
    pub post: &'a dyn post::Post,
    /// Where images are served, without a slash at the end.
    pub images_url: String,
    /// How much longer than this function a claim lasts.
    pub claim_margin: Duration,
}
