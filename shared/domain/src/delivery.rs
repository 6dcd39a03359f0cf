//! One webhook that is owed: what its row holds, and how each try at it changes it.

mod attempt;
mod ladder;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::ClientId;
use crate::id::{BatchId, JobId, TraceId, WebhookId};
use crate::job::{Job, JobError, JobResult, Lease};
use crate::ports::LONGEST_DELAY;
use crate::request::{Metadata, WebhookUrl, Word};
use crate::status::JobStatus;
use crate::timestamp::Timestamp;

pub use attempt::{ANSWER_KEPT, Answer, Attempt, Outcome};
pub use ladder::{LADDER, Tempo, wait_for_place};

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

/// How long a delivery may go without its message before the sweeper sends one.
const UNATTENDED: Duration = Duration::from_secs(30);
/// How long a delivery, with all tries at it, is kept after the last of them; never longer than its job.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many tries a row remembers: all of a ladder and then some.
const REMEMBERED: usize = 24;

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
    /// How many tries were begun in all.
    pub attempts: u32,
    /// How many of them since it last stood at the foot of the ladder.
    #[serde(default)]
    pub rung: u32,
    /// The last tries, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<Attempt>,
    /// Who is at it, or was when it crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Lease>,
    /// Before when nobody should try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// How often it found no place at its host since the last try.
    #[serde(default)]
    pub waits: u32,
    /// Whether it is sent even if its URL is switched off: somebody wants that, or it is the URL's try
    /// of the day.
    #[serde(default)]
    pub even_if_off: bool,
    /// Whether it is kept until its URL is switched on again.
    #[serde(default)]
    pub parked: bool,
    /// How often the sweeper sent its message again since the last try.
    #[serde(default)]
    pub resends: u32,
    /// When the sweeper must look at it; nothing is left to do for one without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// From when on it does not exist any more.
    pub expires_at: Timestamp,
    /// From when on its job does not exist any more.
    pub job_expires_at: Timestamp,
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
            rung: 0,
            log: Vec::new(),
            claim: None,
            not_before: None,
            waits: 0,
            even_if_off: false,
            parked: false,
            resends: 0,
            due_at: Some(now + UNATTENDED),
            expires_at: job.expires_at.min(now + KEPT),
            job_expires_at: job.expires_at,
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
    pub fn take_on(&mut self, claim: Lease, now: Timestamp) {
        self.close_lost_attempt();
        self.attempts += 1;
        self.rung += 1;
        self.log.push(Attempt::begun(self.attempts, now));
        self.log.drain(..self.log.len().saturating_sub(REMEMBERED));
        self.expires_at = self.job_expires_at.min(now + KEPT);
        self.resends = 0;
        self.waits = 0;
        self.even_if_off = false;
        self.parked = false;
        self.claim = Some(claim);
        self.not_before = None;
        self.due_at = Some(claim.until);
    }

    /// A try of whose end nobody has told: its sender died. The receiver may have got it.
    fn close_lost_attempt(&mut self) {
        if let Some(lost) = self.log.last_mut().filter(|attempt| attempt.open()) {
            lost.error = Some("the sender was lost, with or without the webhook sent".to_owned());
        }
    }

    /// Whether every try of the ladder was begun, and the last one not even brought to its end.
    #[must_use]
    pub fn worn_out(&self) -> bool {
        usize::try_from(self.rung).is_ok_and(|rung| rung > LADDER.len())
    }

    /// No further try is made.
    pub fn give_up(&mut self) {
        self.close_lost_attempt();
        self.rest(DeliveryState::GivenUp);
    }

    fn rest(&mut self, state: DeliveryState) {
        self.state = state;
        self.claim = None;
        self.not_before = None;
        self.due_at = None;
    }

    /// A try has come to its end. `url_off` says whether its URL is switched off by now: then no rung
    /// of the ladder is used up, and the delivery is kept.
    pub fn tried(&mut self, outcome: &Outcome, url_off: bool, now: Timestamp, tempo: Tempo, jitter: f64) {
        self.claim = None;
        if let Some(attempt) = self.log.last_mut() {
            attempt.end(outcome);
        }
        if outcome.accepted() {
            self.rest(DeliveryState::Delivered);
        } else if outcome.gone() {
            self.rest(DeliveryState::GivenUp);
        } else if url_off {
            self.park(now);
        } else if let Some(wait) = tempo.next_try(self.rung, outcome.retry_after(), jitter) {
            self.put_off(now, wait);
        } else {
            self.rest(DeliveryState::GivenUp);
        }
    }

    /// There is no place at its host now. That is no try.
    pub fn wait_for_place(&mut self, now: Timestamp, jitter: f64) {
        self.waits += 1;
        self.put_off(now, wait_for_place(self.waits, jitter));
    }

    fn put_off(&mut self, now: Timestamp, wait: Duration) {
        let at = now + wait;
        self.not_before = Some(at);
        // If a queue can keep its message so long, the sweeper only looks whether that came.
        self.due_at = Some(if wait <= LONGEST_DELAY { at + UNATTENDED } else { at });
    }

    /// How long its next message is to be delayed, if a queue can keep it so long.
    #[must_use]
    pub fn message_delay(&self, now: Timestamp) -> Option<Duration> {
        let at = self.not_before.filter(|_| self.state == DeliveryState::Owed && !self.parked)?;
        Some(at.since(now)).filter(|delay| *delay <= LONGEST_DELAY)
    }

    /// Its URL is switched off: it is kept until the URL is on again.
    pub fn park(&mut self, now: Timestamp) {
        self.parked = true;
        self.claim = None;
        self.not_before = None;
        self.rung = 0;
        self.waits = 0;
        // Parked deliveries lie in a part of the due index that belongs to their URL, in this order.
        self.due_at = Some(now);
    }

    /// Its URL is on again, and its message on its way.
    pub fn unpark(&mut self, now: Timestamp) {
        self.parked = false;
        self.due_at = Some(now + UNATTENDED);
    }

    /// Somebody wants it sent again, from the foot of the ladder, with the same `webhook-id`. Says
    /// whether that changes anything: a try that is under way is left alone.
    pub fn redeliver(&mut self, now: Timestamp) -> bool {
        if self.claim.is_some_and(|claim| claim.until > now) {
            return false;
        }
        self.close_lost_attempt();
        self.state = DeliveryState::Owed;
        self.claim = None;
        self.not_before = None;
        self.rung = 0;
        self.waits = 0;
        self.resends = 0;
        self.even_if_off = true;
        self.parked = false;
        self.due_at = Some(now + UNATTENDED);
        self.expires_at = self.job_expires_at.min(now + KEPT);
        true
    }

    /// When the next try comes, as far as that is known.
    #[must_use]
    pub fn next_attempt_at(&self, now: Timestamp) -> Option<Timestamp> {
        let waiting = self.state == DeliveryState::Owed && !self.parked && self.claim.is_none();
        waiting.then(|| self.not_before.map_or(now, |at| at.max(now)))
    }

    /// The sweeper sent its message again. Each time it waits twice as long before the next, for a
    /// message may only be waiting its turn in a long queue.
    pub fn message_sent(&mut self, now: Timestamp) {
        self.resends += 1;
        self.due_at = Some(now + UNATTENDED * 2u32.pow(self.resends.min(6)));
    }
}

#[cfg(test)]
mod tests;
