//! A webhook endpoint: a URL of a client, whether its attempts succeed, and whether it is disabled.
//!
//! A row exists only for an endpoint that has, or had, failures. The methods are pure. The caller saves
//! the row on the condition that it has not changed since it was read.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::access::client::ClientId;
use crate::jobs::subscription::WebhookUrl;
use crate::primitives::hash::hex;
use crate::primitives::timestamp::Timestamp;
use crate::webhooks::retry_schedule::TimeScale;

/// How long the row is kept after its last change.
const RETENTION: Duration = Duration::from_secs(40 * 24 * 3600);

/// How long the outcome of a probe is awaited before another webhook is used as a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3600);

/// How long after an endpoint is enabled the sweeper still looks for held deliveries. A sender that did
/// not know of the change yet may have held one. Longer than a sender lives and an index lags behind.
const LATE_HOLD_GRACE: Duration = Duration::from_secs(600);

/// How often the sweeper looks for held deliveries during this time.
const RELEASE_INTERVAL: Duration = Duration::from_secs(60);

/// Identifies a URL of a client. The URL, which often contains a secret, cannot be derived from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookEndpointId {
    pub client: ClientId,
    /// The SHA-256 of the URL, in hex.
    pub digest: String,
}

impl WebhookEndpointId {
    #[must_use]
    pub fn of(client: &ClientId, url: &WebhookUrl) -> Self {
        Self { client: client.clone(), digest: hex(&Sha256::digest(url.url().as_str().as_bytes())) }
    }
}

fn probe_timeout(time_scale: TimeScale) -> Duration {
    PROBE_TIMEOUT.min(time_scale.probe_interval())
}

/// A webhook endpoint of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpoint {
    /// How often the row was written. The next write succeeds only if the row still has this revision.
    pub revision: u64,
    pub client_id: ClientId,
    pub url: WebhookUrl,
    /// Since when every attempt has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Set while the endpoint is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_since: Option<Timestamp>,
    /// When the next probe is allowed while the endpoint is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe_at: Option<Timestamp>,
    /// When the endpoint was enabled again. Set as long as held deliveries may be left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enabled_since: Option<Timestamp>,
    /// When the sweeper must look at the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// From this time on the row does not exist.
    pub expires_at: Timestamp,
}

/// What the sweeper does for an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextAction {
    /// Nothing, or nothing yet.
    None,
    /// Have one of the held deliveries attempted.
    Probe,
    /// Release the held deliveries.
    Release,
}

impl WebhookEndpoint {
    /// Creates an enabled endpoint without failures.
    #[must_use]
    pub fn new(client: ClientId, url: WebhookUrl, now: Timestamp) -> Self {
        Self {
            revision: 0,
            client_id: client,
            url,
            failing_since: None,
            disabled_since: None,
            probe_at: None,
            enabled_since: None,
            due_at: None,
            expires_at: now + RETENTION,
        }
    }

    #[must_use]
    pub fn id(&self) -> WebhookEndpointId {
        WebhookEndpointId::of(&self.client_id, &self.url)
    }

    #[must_use]
    pub const fn is_disabled(&self) -> bool {
        self.disabled_since.is_some()
    }

    /// Records a failed attempt. The endpoint is disabled after five days in which every attempt failed.
    /// If it is already disabled, the attempt was the probe of this day.
    ///
    /// The row needs to be saved only if this changes it.
    pub fn record_failure(&mut self, now: Timestamp, time_scale: TimeScale) {
        let since = *self.failing_since.get_or_insert(now);
        if !self.is_disabled() && now.since(since) >= time_scale.disable_after() {
            self.disabled_since = Some(now);
            self.enabled_since = None;
            self.probe_in(time_scale.probe_interval(), now);
        } else if self.is_disabled() && self.probe_at.is_none_or(|at| at <= now + probe_timeout(time_scale)) {
            self.probe_in(time_scale.probe_interval(), now);
        }
    }

    fn probe_in(&mut self, pause: Duration, now: Timestamp) {
        self.probe_at = Some(now + pause);
        self.due_at = self.probe_at;
        self.expires_at = now + RETENTION;
    }

    /// Enables the endpoint after a successful attempt, or because the client requested a redelivery.
    ///
    /// The row needs to be saved only if this changes it.
    pub fn enable(&mut self, now: Timestamp) {
        self.failing_since = None;
        if self.disabled_since.take().is_some() {
            self.probe_at = None;
            self.enabled_since = Some(now);
            self.due_at = Some(now);
            self.expires_at = now + RETENTION;
        }
    }

    /// Claims the daily probe of a disabled endpoint. Returns whether it was due.
    ///
    /// The claim is valid once the row is saved: of two senders, one gets a conflict. The claim expires
    /// within an hour. Only a recorded failure postpones the next probe to the next day, so if the sender
    /// dies another probe follows soon.
    pub fn claim_probe(&mut self, now: Timestamp, time_scale: TimeScale) -> bool {
        let mine = self.is_disabled() && self.probe_at.is_none_or(|at| at <= now);
        if mine {
            self.probe_in(probe_timeout(time_scale), now);
        }
        mine
    }

    /// Returns when the next probe is allowed, if the endpoint is disabled.
    #[must_use]
    pub fn probe_at(&self) -> Option<Timestamp> {
        self.probe_at.filter(|_| self.is_disabled())
    }

    /// Returns what the sweeper does at `now`.
    #[must_use]
    pub fn next_action(&self, now: Timestamp) -> NextAction {
        if self.due_at.is_none_or(|at| at > now) {
            NextAction::None
        } else if self.is_disabled() {
            NextAction::Probe
        } else {
            NextAction::Release
        }
    }

    /// Records that the sweeper has looked for a held delivery to use as a probe, and has sent its
    /// message. `some` says whether there is one, or may be one.
    pub fn probe_requested(&mut self, some: bool, now: Timestamp, time_scale: TimeScale) {
        // Without a held delivery, the next webhook for this endpoint is the probe.
        let pause = if some { probe_timeout(time_scale) } else { time_scale.probe_interval() };
        self.due_at = Some(now + pause);
    }

    /// Records that the sweeper has released held deliveries. `more` says whether some may be left.
    pub fn held_released(&mut self, more: bool, now: Timestamp) {
        let over = self.enabled_since.is_none_or(|since| now.since(since) >= LATE_HOLD_GRACE);
        if more {
            self.due_at = Some(now);
        } else if over {
            self.enabled_since = None;
            self.due_at = None;
        } else {
            self.due_at = Some(now + RELEASE_INTERVAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn endpoint() -> WebhookEndpoint {
        let url = WebhookUrl::parse("https://example.com/hook?token=t", Default::default()).unwrap();
        WebhookEndpoint::new("acme".parse().unwrap(), url, at(0))
    }

    fn disabled_endpoint() -> WebhookEndpoint {
        let mut endpoint = endpoint();
        endpoint.record_failure(at(0), TimeScale::REAL);
        endpoint.record_failure(at(5 * DAY), TimeScale::REAL);
        endpoint
    }

    #[test]
    fn endpoint_is_disabled_after_five_days_of_failures() {
        let mut endpoint = endpoint();
        endpoint.record_failure(at(0), TimeScale::REAL);
        let once = endpoint.clone();
        endpoint.record_failure(at(5 * DAY - 1), TimeScale::REAL);
        assert_eq!(endpoint, once, "nothing to write");
        endpoint.record_failure(at(5 * DAY), TimeScale::REAL);
        assert_eq!((endpoint.disabled_since, endpoint.due_at), (Some(at(5 * DAY)), Some(at(6 * DAY))));
    }

    #[test]
    fn success_restarts_the_five_days_of_failures() {
        let mut endpoint = endpoint();
        endpoint.record_failure(at(0), TimeScale::REAL);
        endpoint.enable(at(4 * DAY));
        assert_eq!((endpoint.failing_since, endpoint.due_at), (None, None));
        endpoint.record_failure(at(5 * DAY), TimeScale::REAL);
        assert!(!endpoint.is_disabled());
        endpoint.record_failure(at(10 * DAY), TimeScale::REAL);
        assert!(endpoint.is_disabled());
    }

    #[test]
    fn disabled_endpoint_gets_one_probe_per_day() {
        let mut endpoint = disabled_endpoint();
        assert!(!endpoint.claim_probe(at(6 * DAY - 1), TimeScale::REAL));
        assert_eq!(endpoint.next_action(at(6 * DAY - 1)), NextAction::None);
        assert_eq!(endpoint.next_action(at(6 * DAY)), NextAction::Probe);
        endpoint.probe_requested(true, at(6 * DAY), TimeScale::REAL);
        assert_eq!(endpoint.due_at, Some(at(6 * DAY + 3600)), "in case the message is lost");
        assert!(endpoint.claim_probe(at(6 * DAY + 1), TimeScale::REAL));
        assert!(!endpoint.claim_probe(at(6 * DAY + 2), TimeScale::REAL));
        endpoint.record_failure(at(6 * DAY + 3), TimeScale::REAL);
        assert_eq!((endpoint.is_disabled(), endpoint.due_at), (true, Some(at(7 * DAY + 3))));
        let known = endpoint.clone();
        endpoint.record_failure(at(6 * DAY + 4), TimeScale::REAL);
        assert_eq!(endpoint, known, "other failures change nothing");
    }

    #[test]
    fn probe_without_outcome_is_repeated_after_an_hour() {
        let mut endpoint = disabled_endpoint();
        assert!(endpoint.claim_probe(at(6 * DAY), TimeScale::REAL));
        assert!(!endpoint.claim_probe(at(6 * DAY + 3599), TimeScale::REAL), "it may be in progress");
        assert_eq!(endpoint.next_action(at(6 * DAY + 3600)), NextAction::Probe);
        assert!(endpoint.claim_probe(at(6 * DAY + 3600), TimeScale::REAL));
    }

    #[test]
    fn first_success_enables_and_releases_held_deliveries() {
        let mut endpoint = disabled_endpoint();
        endpoint.enable(at(6 * DAY));
        assert!(!endpoint.is_disabled() && !endpoint.claim_probe(at(9 * DAY), TimeScale::REAL));
        assert_eq!(endpoint.next_action(at(6 * DAY)), NextAction::Release);
        endpoint.held_released(true, at(6 * DAY));
        assert_eq!(endpoint.due_at, Some(at(6 * DAY)));
        endpoint.held_released(false, at(6 * DAY + 1));
        assert_eq!(endpoint.due_at, Some(at(6 * DAY + 61)), "a sender may still hold a delivery");
        endpoint.held_released(false, at(6 * DAY + 600));
        assert_eq!((endpoint.due_at, endpoint.next_action(at(9 * DAY))), (None, NextAction::None));
    }

    #[test]
    fn endpoint_id_and_debug_output_hide_the_url() {
        let endpoint = endpoint();
        let other = WebhookEndpointId::of(&"apex".parse().unwrap(), &endpoint.url);
        assert_ne!(endpoint.id(), other);
        assert_eq!(endpoint.id().digest.len(), 64);
        assert!(!format!("{endpoint:?} {:?}", endpoint.id()).contains("token"));
    }
}
