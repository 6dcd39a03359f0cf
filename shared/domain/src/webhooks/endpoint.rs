//! A URL to which a client's webhooks go: whether it does well, and whether it is switched off.
//!
//! A row exists only for a URL that is, or was, in trouble. Every method is pure; whoever calls one
//! saves the row on the condition that nobody else has saved it since it was read.

use crate::access::client::ClientId;
use crate::jobs::subscription::WebhookUrl;
use crate::primitives::hash::hex;
use crate::primitives::timestamp::Timestamp;
use crate::webhooks::retry_schedule::TimeScale;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// How long the row outlives what was last done with it.
const RETENTION: Duration = Duration::from_secs(40 * 24 * 3600);

/// How long what came of a probe is waited for before another webhook is tried.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3600);

/// How long after a URL was switched on the sweep still looks for webhooks that somebody has parked
/// who had not heard of it: longer than a sender lives and an index lags behind.
const LATE_HOLD_GRACE: Duration = Duration::from_secs(600);

/// How often it looks.
const RELEASE_INTERVAL: Duration = Duration::from_secs(60);

/// Names a client's URL: nothing of the URL, which often holds a secret, can be read from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookEndpointId {
    /// Whose.
    pub client: ClientId,
    /// The SHA-256 of the URL, in hex.
    pub digest: String,
}

impl WebhookEndpointId {
    /// The name of this URL of this client.
    #[must_use]
    pub fn of(client: &ClientId, url: &WebhookUrl) -> Self {
        Self { client: client.clone(), digest: hex(&Sha256::digest(url.url().as_str().as_bytes())) }
    }
}

fn probe_timeout(time_scale: TimeScale) -> Duration {
    PROBE_TIMEOUT.min(time_scale.probe_interval())
}

/// A URL to which a client's webhooks go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpoint {
    /// How often its row was written: the condition of the next write.
    pub revision: u64,
    /// Whose.
    pub client_id: ClientId,
    /// The URL.
    pub url: WebhookUrl,
    /// Since when every try has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Since when it is switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_since: Option<Timestamp>,
    /// From when on it may be tried, though it is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe_at: Option<Timestamp>,
    /// Since when it is on again, as long as parked webhooks may be left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enabled_since: Option<Timestamp>,
    /// When the sweeper must look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// From when on it does not exist any more.
    pub expires_at: Timestamp,
}

/// What the sweeper has to do for a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextAction {
    /// Nothing, or not yet.
    None,
    /// Have one of its parked webhooks tried.
    Probe,
    /// Let its parked webhooks go.
    Release,
}

impl WebhookEndpoint {
    /// A URL of which nothing is known.
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

    /// Its name.
    #[must_use]
    pub fn id(&self) -> WebhookEndpointId {
        WebhookEndpointId::of(&self.client_id, &self.url)
    }

    /// Whether it is switched off.
    #[must_use]
    pub const fn is_disabled(&self) -> bool {
        self.disabled_since.is_some()
    }

    /// A try has failed. After five days of nothing else it is switched off; then this was the try of its
    /// day. The row need be saved only if this changes it.
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

    /// A try has succeeded, or its owner wants it tried again: it is on. The row need be saved only if
    /// this changes it.
    pub fn enable(&mut self, now: Timestamp) {
        self.failing_since = None;
        if self.disabled_since.take().is_some() {
            self.probe_at = None;
            self.enabled_since = Some(now);
            self.due_at = Some(now);
            self.expires_at = now + RETENTION;
        }
    }

    /// Whether it is off, and its daily try is to be made. If so this is it, once the row is saved: of
    /// two senders one loses. It counts as the day's once its failure is known: if its sender dies,
    /// another one follows soon.
    pub fn claim_probe(&mut self, now: Timestamp, time_scale: TimeScale) -> bool {
        let mine = self.is_disabled() && self.probe_at.is_none_or(|at| at <= now);
        if mine {
            self.probe_in(probe_timeout(time_scale), now);
        }
        mine
    }

    /// When it is tried next, if it is off.
    #[must_use]
    pub fn probe_at(&self) -> Option<Timestamp> {
        self.probe_at.filter(|_| self.is_disabled())
    }

    /// What the sweeper has to do.
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

    /// The sweeper has looked for a parked webhook of it, to wake a sender for that; `some` says whether
    /// there is one, or may be.
    pub fn probe_requested(&mut self, some: bool, now: Timestamp, time_scale: TimeScale) {
        // Without any, the next webhook that is owed is the probe.
        let pause = if some { probe_timeout(time_scale) } else { time_scale.probe_interval() };
        self.due_at = Some(now + pause);
    }

    /// The sweeper has let parked webhooks go, and `more` may be left.
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

    fn off() -> WebhookEndpoint {
        let mut endpoint = endpoint();
        endpoint.record_failure(at(0), TimeScale::REAL);
        endpoint.record_failure(at(5 * DAY), TimeScale::REAL);
        endpoint
    }

    #[test]
    fn five_days_of_nothing_but_failures_switch_it_off() {
        let mut endpoint = endpoint();
        endpoint.record_failure(at(0), TimeScale::REAL);
        let once = endpoint.clone();
        endpoint.record_failure(at(5 * DAY - 1), TimeScale::REAL);
        assert_eq!(endpoint, once, "nothing to write");
        endpoint.record_failure(at(5 * DAY), TimeScale::REAL);
        assert_eq!((endpoint.disabled_since, endpoint.due_at), (Some(at(5 * DAY)), Some(at(6 * DAY))));
    }

    #[test]
    fn one_success_between_them_begins_the_five_days_anew() {
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
    fn one_probe_a_day_and_only_one() {
        let mut endpoint = off();
        assert!(!endpoint.claim_probe(at(6 * DAY - 1), TimeScale::REAL));
        assert_eq!(endpoint.next_action(at(6 * DAY - 1)), NextAction::None);
        assert_eq!(endpoint.next_action(at(6 * DAY)), NextAction::Probe);
        endpoint.probe_requested(true, at(6 * DAY), TimeScale::REAL);
        assert_eq!(endpoint.due_at, Some(at(6 * DAY + 3600)), "should its message be lost");
        assert!(endpoint.claim_probe(at(6 * DAY + 1), TimeScale::REAL));
        assert!(!endpoint.claim_probe(at(6 * DAY + 2), TimeScale::REAL));
        endpoint.record_failure(at(6 * DAY + 3), TimeScale::REAL);
        assert_eq!((endpoint.is_disabled(), endpoint.due_at), (true, Some(at(7 * DAY + 3))));
        let known = endpoint.clone();
        endpoint.record_failure(at(6 * DAY + 4), TimeScale::REAL);
        assert_eq!(endpoint, known, "of other failures there is nothing to write");
    }

    #[test]
    fn a_probe_of_whose_end_nobody_tells_is_followed_by_another_within_the_hour() {
        let mut endpoint = off();
        assert!(endpoint.claim_probe(at(6 * DAY), TimeScale::REAL));
        assert!(!endpoint.claim_probe(at(6 * DAY + 3599), TimeScale::REAL), "it may be under way");
        assert_eq!(endpoint.next_action(at(6 * DAY + 3600)), NextAction::Probe);
        assert!(endpoint.claim_probe(at(6 * DAY + 3600), TimeScale::REAL));
    }

    #[test]
    fn the_first_success_switches_it_on_and_lets_what_is_parked_go() {
        let mut endpoint = off();
        endpoint.enable(at(6 * DAY));
        assert!(!endpoint.is_disabled() && !endpoint.claim_probe(at(9 * DAY), TimeScale::REAL));
        assert_eq!(endpoint.next_action(at(6 * DAY)), NextAction::Release);
        endpoint.held_released(true, at(6 * DAY));
        assert_eq!(endpoint.due_at, Some(at(6 * DAY)));
        endpoint.held_released(false, at(6 * DAY + 1));
        assert_eq!(endpoint.due_at, Some(at(6 * DAY + 61)), "a sender may not have heard of it yet");
        endpoint.held_released(false, at(6 * DAY + 600));
        assert_eq!((endpoint.due_at, endpoint.next_action(at(9 * DAY))), (None, NextAction::None));
    }

    #[test]
    fn a_name_tells_nothing_of_the_url() {
        let endpoint = endpoint();
        let other = WebhookEndpointId::of(&"apex".parse().unwrap(), &endpoint.url);
        assert_ne!(endpoint.id(), other);
        assert_eq!(endpoint.id().digest.len(), 64);
        assert!(!format!("{endpoint:?} {:?}", endpoint.id()).contains("token"));
    }
}
