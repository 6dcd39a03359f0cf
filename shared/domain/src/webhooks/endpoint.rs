//! A URL to which a client's webhooks go: whether it does well, and whether it is switched off.
//!
//! A row exists only for a URL that is, or was, in trouble. Every method is pure; whoever calls one
//! saves the row on the condition that nobody else has saved it since it was read.

use crate::access::client::ClientId;
use crate::jobs::subscription::WebhookUrl;
use crate::primitives::hash::hex;
use crate::primitives::timestamp::Timestamp;
use crate::webhooks::retry_schedule::Tempo;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// How long the row outlives what was last done with it.
const KEPT: Duration = Duration::from_secs(40 * 24 * 3600);

/// How long what came of a probe is waited for before another webhook is tried.
const PROBE_LOST: Duration = Duration::from_secs(3600);

/// How long after a URL was switched on the sweep still looks for webhooks that somebody has parked
/// who had not heard of it: longer than a sender lives and an index lags behind.
const STRAGGLERS: Duration = Duration::from_secs(600);

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Names a client's URL: nothing of the URL, which often holds a secret, can be read from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiverId {
    /// Whose.
    pub client: ClientId,
    /// The SHA-256 of the URL, in hex.
    pub digest: String,
}

impl ReceiverId {
    /// The name of this URL of this client.
    #[must_use]
    pub fn of(client: &ClientId, url: &WebhookUrl) -> Self {
        Self { client: client.clone(), digest: hex(&Sha256::digest(url.url().as_str().as_bytes())) }
    }
}

fn probe_lost(tempo: Tempo) -> Duration {
    PROBE_LOST.min(tempo.probe_every())
}

/// A URL to which a client's webhooks go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receiver {
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
    pub off_since: Option<Timestamp>,
    /// From when on it may be tried, though it is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe_at: Option<Timestamp>,
    /// Since when it is on again, as long as parked webhooks may be left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_since: Option<Timestamp>,
    /// When the sweeper must look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// From when on it does not exist any more.
    pub expires_at: Timestamp,
}

/// What the sweeper has to do for a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    /// Nothing, or not yet.
    None,
    /// Have one of its parked webhooks tried.
    Probe,
    /// Let its parked webhooks go.
    Release,
}

impl Receiver {
    /// A URL of which nothing is known.
    #[must_use]
    pub fn new(client: ClientId, url: WebhookUrl, now: Timestamp) -> Self {
        Self {
            revision: 0,
            client_id: client,
            url,
            failing_since: None,
            off_since: None,
            probe_at: None,
            on_since: None,
            due_at: None,
            expires_at: now + KEPT,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> ReceiverId {
        ReceiverId::of(&self.client_id, &self.url)
    }

    /// Whether it is switched off.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.off_since.is_some()
    }

    /// A try has failed. After five days of nothing else it is switched off; then this was the try of its
    /// day. The row need be saved only if this changes it.
    pub fn failed(&mut self, now: Timestamp, tempo: Tempo) {
        let since = *self.failing_since.get_or_insert(now);
        if !self.is_off() && now.since(since) >= tempo.patience() {
            self.off_since = Some(now);
            self.on_since = None;
            self.probe_in(tempo.probe_every(), now);
        } else if self.is_off() && self.probe_at.is_none_or(|at| at <= now + probe_lost(tempo)) {
            self.probe_in(tempo.probe_every(), now);
        }
    }

    fn probe_in(&mut self, pause: Duration, now: Timestamp) {
        self.probe_at = Some(now + pause);
        self.due_at = self.probe_at;
        self.expires_at = now + KEPT;
    }

    /// A try has succeeded, or its owner wants it tried again: it is on. The row need be saved only if
    /// this changes it.
    pub fn switch_on(&mut self, now: Timestamp) {
        self.failing_since = None;
        if self.off_since.take().is_some() {
            self.probe_at = None;
            self.on_since = Some(now);
            self.due_at = Some(now);
            self.expires_at = now + KEPT;
        }
    }

    /// Whether it is off, and its daily try is to be made. If so this is it, once the row is saved: of
    /// two senders one loses. It counts as the day's once its failure is known: if its sender dies,
    /// another one follows soon.
    pub fn begin_probe(&mut self, now: Timestamp, tempo: Tempo) -> bool {
        let mine = self.is_off() && self.probe_at.is_none_or(|at| at <= now);
        if mine {
            self.probe_in(probe_lost(tempo), now);
        }
        mine
    }

    /// When it is tried next, if it is off.
    #[must_use]
    pub fn probe_at(&self) -> Option<Timestamp> {
        self.probe_at.filter(|_| self.is_off())
    }

    /// What the sweeper has to do.
    #[must_use]
    pub fn chore(&self, now: Timestamp) -> Chore {
        if self.due_at.is_none_or(|at| at > now) {
            Chore::None
        } else if self.is_off() {
            Chore::Probe
        } else {
            Chore::Release
        }
    }

    /// The sweeper has looked for a parked webhook of it, to wake a sender for that; `some` says whether
    /// there is one, or may be.
    pub fn probe_sent(&mut self, some: bool, now: Timestamp, tempo: Tempo) {
        // Without any, the next webhook that is owed is the probe.
        let pause = if some { probe_lost(tempo) } else { tempo.probe_every() };
        self.due_at = Some(now + pause);
    }

    /// The sweeper has let parked webhooks go, and `more` may be left.
    pub fn released(&mut self, more: bool, now: Timestamp) {
        let over = self.on_since.is_none_or(|since| now.since(since) >= STRAGGLERS);
        if more {
            self.due_at = Some(now);
        } else if over {
            self.on_since = None;
            self.due_at = None;
        } else {
            self.due_at = Some(now + LOOK_EVERY);
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

    fn receiver() -> Receiver {
        let url = WebhookUrl::parse("https://example.com/hook?token=t", Default::default()).unwrap();
        Receiver::new("acme".parse().unwrap(), url, at(0))
    }

    fn off() -> Receiver {
        let mut receiver = receiver();
        receiver.failed(at(0), Tempo::REAL);
        receiver.failed(at(5 * DAY), Tempo::REAL);
        receiver
    }

    #[test]
    fn five_days_of_nothing_but_failures_switch_it_off() {
        let mut receiver = receiver();
        receiver.failed(at(0), Tempo::REAL);
        let once = receiver.clone();
        receiver.failed(at(5 * DAY - 1), Tempo::REAL);
        assert_eq!(receiver, once, "nothing to write");
        receiver.failed(at(5 * DAY), Tempo::REAL);
        assert_eq!((receiver.off_since, receiver.due_at), (Some(at(5 * DAY)), Some(at(6 * DAY))));
    }

    #[test]
    fn one_success_between_them_begins_the_five_days_anew() {
        let mut receiver = receiver();
        receiver.failed(at(0), Tempo::REAL);
        receiver.switch_on(at(4 * DAY));
        assert_eq!((receiver.failing_since, receiver.due_at), (None, None));
        receiver.failed(at(5 * DAY), Tempo::REAL);
        assert!(!receiver.is_off());
        receiver.failed(at(10 * DAY), Tempo::REAL);
        assert!(receiver.is_off());
    }

    #[test]
    fn one_probe_a_day_and_only_one() {
        let mut receiver = off();
        assert!(!receiver.begin_probe(at(6 * DAY - 1), Tempo::REAL));
        assert_eq!(receiver.chore(at(6 * DAY - 1)), Chore::None);
        assert_eq!(receiver.chore(at(6 * DAY)), Chore::Probe);
        receiver.probe_sent(true, at(6 * DAY), Tempo::REAL);
        assert_eq!(receiver.due_at, Some(at(6 * DAY + 3600)), "should its message be lost");
        assert!(receiver.begin_probe(at(6 * DAY + 1), Tempo::REAL));
        assert!(!receiver.begin_probe(at(6 * DAY + 2), Tempo::REAL));
        receiver.failed(at(6 * DAY + 3), Tempo::REAL);
        assert_eq!((receiver.is_off(), receiver.due_at), (true, Some(at(7 * DAY + 3))));
        let known = receiver.clone();
        receiver.failed(at(6 * DAY + 4), Tempo::REAL);
        assert_eq!(receiver, known, "of other failures there is nothing to write");
    }

    #[test]
    fn a_probe_of_whose_end_nobody_tells_is_followed_by_another_within_the_hour() {
        let mut receiver = off();
        assert!(receiver.begin_probe(at(6 * DAY), Tempo::REAL));
        assert!(!receiver.begin_probe(at(6 * DAY + 3599), Tempo::REAL), "it may be under way");
        assert_eq!(receiver.chore(at(6 * DAY + 3600)), Chore::Probe);
        assert!(receiver.begin_probe(at(6 * DAY + 3600), Tempo::REAL));
    }

    #[test]
    fn the_first_success_switches_it_on_and_lets_what_is_parked_go() {
        let mut receiver = off();
        receiver.switch_on(at(6 * DAY));
        assert!(!receiver.is_off() && !receiver.begin_probe(at(9 * DAY), Tempo::REAL));
        assert_eq!(receiver.chore(at(6 * DAY)), Chore::Release);
        receiver.released(true, at(6 * DAY));
        assert_eq!(receiver.due_at, Some(at(6 * DAY)));
        receiver.released(false, at(6 * DAY + 1));
        assert_eq!(receiver.due_at, Some(at(6 * DAY + 61)), "a sender may not have heard of it yet");
        receiver.released(false, at(6 * DAY + 600));
        assert_eq!((receiver.due_at, receiver.chore(at(9 * DAY))), (None, Chore::None));
    }

    #[test]
    fn a_name_tells_nothing_of_the_url() {
        let receiver = receiver();
        let other = ReceiverId::of(&"apex".parse().unwrap(), &receiver.url);
        assert_ne!(receiver.id(), other);
        assert_eq!(receiver.id().digest.len(), 64);
        assert!(!format!("{receiver:?} {:?}", receiver.id()).contains("token"));
    }
}
