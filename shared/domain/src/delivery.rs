//! One webhook that is owed: what its row holds, and how each try at it changes it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::ClientId;
use crate::id::{BatchId, JobId, TraceId, WebhookId};
use crate::job::{Job, JobError, JobResult, Lease};
use crate::request::{Metadata, WebhookUrl, Word};
use crate::status::JobStatus;
use crate::timestamp::Timestamp;

/// What a webhook can tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum WebhookEvent {
    /// The job was accepted.
    #[serde(rename = "job.queued")]
    Queued,
    /// A worker took it up for the first time.
    #[serde(rename = "job.started")]
    Started,
    /// It has come further.
    #[serde(rename = "job.progress")]
    Progress,
    /// It ended well.
    #[serde(rename = "job.completed")]
    Completed,
    /// It ended without images.
    #[serde(rename = "job.failed")]
    Failed,
    /// Its owner ended it.
    #[serde(rename = "job.cancelled")]
    Cancelled,
}

impl WebhookEvent {
    /// What a receiver gets that named no events: the three endings.
    pub const DEFAULT: [Self; 3] = [Self::Completed, Self::Failed, Self::Cancelled];
}

impl Word for WebhookEvent {
    const ALL: &'static [Self] =
        &[Self::Queued, Self::Started, Self::Progress, Self::Completed, Self::Failed, Self::Cancelled];

    fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "job.queued",
            Self::Started => "job.started",
            Self::Progress => "job.progress",
            Self::Completed => "job.completed",
            Self::Failed => "job.failed",
            Self::Cancelled => "job.cancelled",
        }
    }
}

/// How long after a failed try the next one comes; the first try comes at once. One more try than
/// steps, some 75 hours in all: the ladder that Standard Webhooks suggests.
pub const LADDER: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(24 * 3600),
];

/// How long a delivery may go without its message before the sweeper sends one.
const UNATTENDED: Duration = Duration::from_secs(30);

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Still to be delivered.
    Owed,
    /// The receiver took it.
    Delivered,
    /// Every try failed.
    GivenUp,
}

/// One webhook that is owed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The `webhook-id`, the same for every try.
    pub id: WebhookId,
    /// How often its row was written: the condition of the next write.
    pub revision: u64,
    /// The job it tells of.
    pub job_id: JobId,
    /// Whose secret signs it.
    pub client_id: ClientId,
    /// The trace of the request that started the job.
    pub trace_id: TraceId,
    /// Where to.
    pub url: WebhookUrl,
    /// What happened.
    pub event: WebhookEvent,
    /// When it happened.
    pub happened_at: Timestamp,
    /// How the job stood then.
    pub snapshot: Snapshot,

    /// How the delivery stands.
    pub state: DeliveryState,
    /// How many tries were begun.
    pub attempts: u32,
    /// Who is at it, or was when it crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Lease>,
    /// Before when nobody should try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// How often the sweeper sent its message again since the last try.
    #[serde(default)]
    pub resends: u32,
    /// When the sweeper must look at it; nothing is left to do for one without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// From when on it does not exist any more.
    pub expires_at: Timestamp,
}

/// How a job stood when something happened to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// In which batch it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// How it stood.
    pub status: JobStatus,
    /// How far it had come.
    pub progress: u8,
    /// How it ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// What the caller wants back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// From when on its images do not exist any more.
    pub images_expire_at: Timestamp,
}

/// What a sender that was handed a delivery should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Try it.
    Now,
    /// Nothing: it is over.
    Over,
    /// Nothing: somebody is at it, and the sweeper looks after it.
    Claimed,
    /// Nothing: its time comes later, and so does its message.
    TooEarly,
}

impl Delivery {
    /// What is owed to `url` because of `event`.
    #[must_use]
    pub fn new(job: &Job, event: WebhookEvent, url: WebhookUrl, now: Timestamp) -> Self {
        Self {
            id: WebhookId::new(),
            revision: 0,
            job_id: job.id,
            client_id: job.client_id.clone(),
            trace_id: job.trace_id,
            url,
            event,
            happened_at: now,
            snapshot: Snapshot {
                batch_id: job.batch_id,
                status: job.status,
                progress: job.progress,
                result: job.result.clone(),
                error: job.error.clone(),
                metadata: job.metadata.clone(),
                images_expire_at: job.images_expire_at,
            },
            state: DeliveryState::Owed,
            attempts: 0,
            claim: None,
            not_before: None,
            resends: 0,
            due_at: Some(now + UNATTENDED),
            expires_at: job.expires_at,
        }
    }

    /// What to do on a message about this delivery.
    #[must_use]
    pub fn turn(&self, now: Timestamp) -> Turn {
        match self.state {
            DeliveryState::Delivered | DeliveryState::GivenUp => Turn::Over,
            DeliveryState::Owed if self.claim.is_some_and(|claim| claim.until > now) => Turn::Claimed,
            DeliveryState::Owed if self.not_before.is_some_and(|at| at > now) => Turn::TooEarly,
            DeliveryState::Owed => Turn::Now,
        }
    }

    /// A sender takes it on until `claim` lapses.
    pub fn take_on(&mut self, claim: Lease) {
        self.attempts += 1;
        self.resends = 0;
        self.claim = Some(claim);
        self.not_before = None;
        self.due_at = Some(claim.until);
    }

    /// Whether every try of the ladder was begun, and the last one not even brought to its end.
    #[must_use]
    pub fn worn_out(&self) -> bool {
        usize::try_from(self.attempts).is_ok_and(|attempts| attempts > LADDER.len())
    }

    /// No further try is made.
    pub fn give_up(&mut self) {
        self.state = DeliveryState::GivenUp;
        self.claim = None;
        self.due_at = None;
    }

    /// The receiver took it.
    pub fn delivered(&mut self) {
        self.state = DeliveryState::Delivered;
        self.claim = None;
        self.due_at = None;
    }

    /// The try failed. `jitter` from 0 to 1 moves the next one by up to 20 % either way, so that many
    /// failures of one moment do not come again in one moment.
    pub fn attempt_failed(&mut self, now: Timestamp, jitter: f64) {
        self.claim = None;
        let step = usize::try_from(self.attempts.saturating_sub(1)).ok().and_then(|step| LADDER.get(step));
        let Some(step) = step else {
            self.give_up();
            return;
        };
        let at = now + step.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
        self.not_before = Some(at);
        self.due_at = Some(at);
    }

    /// The sweeper sent its message again. Each time it waits twice as long before the next, for a
    /// message may only be waiting its turn in a long queue.
    pub fn message_sent(&mut self, now: Timestamp) {
        self.resends += 1;
        self.due_at = Some(now + UNATTENDED * 2u32.pow(self.resends.min(6)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::LeaseId;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn claim(until: i64) -> Lease {
        Lease { id: LeaseId::new(), until: at(until) }
    }

    fn delivery() -> Delivery {
        Delivery {
            id: WebhookId::new(),
            revision: 0,
            job_id: JobId::new(),
            client_id: "acme".parse().unwrap(),
            trace_id: TraceId::new(),
            url: WebhookUrl::parse("https://example.com/", Default::default()).unwrap(),
            event: WebhookEvent::Completed,
            happened_at: at(0),
            snapshot: Snapshot {
                batch_id: None,
                status: JobStatus::Completed,
                progress: 100,
                result: None,
                error: None,
                metadata: None,
                images_expire_at: at(999),
            },
            state: DeliveryState::Owed,
            attempts: 0,
            claim: None,
            not_before: None,
            resends: 0,
            due_at: Some(at(30)),
            expires_at: at(999),
        }
    }

    #[test]
    fn a_claim_keeps_others_away_until_it_lapses() {
        let mut delivery = delivery();
        assert_eq!(delivery.turn(at(0)), Turn::Now);
        delivery.take_on(claim(40));
        assert_eq!((delivery.turn(at(39)), delivery.due_at), (Turn::Claimed, Some(at(40))));
        assert_eq!(delivery.turn(at(40)), Turn::Now);
        delivery.delivered();
        assert_eq!((delivery.turn(at(50)), delivery.due_at), (Turn::Over, None));
    }

    #[test]
    fn tries_follow_the_ladder_and_end_after_it() {
        let mut delivery = delivery();
        let mut waits = vec![];
        while delivery.state == DeliveryState::Owed {
            delivery.take_on(claim(40));
            delivery.attempt_failed(at(0), 0.5);
            waits.extend(delivery.not_before.filter(|_| delivery.due_at.is_some()).map(Timestamp::seconds));
        }
        assert_eq!(waits, LADDER.map(|step| step.as_secs() as i64));
        assert_eq!((delivery.attempts, delivery.state, delivery.due_at), (10, DeliveryState::GivenUp, None));
        let hours = waits.iter().sum::<i64>() / 3600;
        assert!((75..=76).contains(&hours), "{hours}");
    }

    #[test]
    fn resends_come_further_and_further_apart_until_the_next_try() {
        let mut delivery = delivery();
        let mut waits = vec![];
        for _ in 0..8 {
            delivery.message_sent(at(0));
            waits.extend(delivery.due_at.map(Timestamp::seconds));
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1920, 1920, 1920]);
        delivery.take_on(claim(40));
        assert_eq!(delivery.resends, 0);
    }

    #[test]
    fn jitter_moves_a_try_by_a_fifth_at_most() {
        for (jitter, seconds) in [(0.0, 4), (0.5, 5), (1.0, 6)] {
            let mut delivery = delivery();
            delivery.take_on(claim(40));
            delivery.attempt_failed(at(100), jitter);
            assert_eq!(delivery.not_before, Some(at(100 + seconds)));
            assert_eq!(delivery.turn(at(99 + seconds)), Turn::TooEarly);
            assert_eq!(delivery.turn(at(100 + seconds)), Turn::Now);
        }
    }
}
