//! One image job: what its row holds, and how each thing that happens changes it.
//!
//! Every method here is pure. Whoever calls one saves the job on the condition that nobody else
//! has saved it since it was read ([`Job::revision`]); whoever loses that race reads again and obeys.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::ClientId;
use crate::delivery::{Delivery, WebhookEvent};
use crate::id::{BatchId, JobId, LeaseId, SessionId, TraceId, UserId};
use crate::image::StoredImage;
use crate::provider::ContentWarning;
use crate::request::{GenerateRequest, Metadata, Picture, Priority, WebhookTarget};
use crate::status::{JobEvent, JobStatus, Refused, next};
use crate::timestamp::Timestamp;
use crate::tries::{Handle, Try};

/// The times and bounds by which jobs live; the operator sets them.
#[derive(Debug, Clone, Copy)]
pub struct JobPolicy {
    /// How long a message may take before the sweeper sends another.
    pub requeue_after: Duration,
    /// How many failed tries end a job.
    pub max_failures: u32,
    /// How long after its acceptance a job ends at the latest.
    pub lifetime: Duration,
    /// How long images are kept.
    pub keep_images: Duration,
    /// How long jobs are kept.
    pub keep_jobs: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a job and its images last: fixed when it is accepted, whatever the operator sets later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifetimes {
    /// When the job ends at the latest.
    pub deadline: Timestamp,
    /// From when on the job does not exist any more.
    pub expires_at: Timestamp,
    /// From when on its images do not exist any more.
    pub images_expire_at: Timestamp,
}

impl JobPolicy {
    /// How long what is accepted at `now` lasts.
    #[must_use]
    pub fn lifetimes(&self, now: Timestamp) -> Lifetimes {
        Lifetimes {
            deadline: now + self.lifetime,
            expires_at: now + self.keep_jobs,
            images_expire_at: now + self.keep_images,
        }
    }
}

impl Default for JobPolicy {
    fn default() -> Self {
        Self {
            requeue_after: Duration::from_secs(120),
            max_failures: 5,
            lifetime: DAY,
            keep_images: DAY.saturating_mul(30),
            keep_jobs: DAY.saturating_mul(90),
        }
    }
}

/// How far apart two reports of a job's progress are at the least.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// A claim on a row that lapses by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Tells one claim from the next.
    pub id: LeaseId,
    /// When it lapses: later than its holder can live.
    pub until: Timestamp,
}

/// How a job ended well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobResult {
    /// The images, in order.
    pub images: Vec<StoredImage>,
    /// The provider that made them.
    pub provider: String,
    /// What they cost, in millionths of a US dollar.
    pub cost_micros: u64,
    /// From the first take-up to the end, in milliseconds.
    pub processing_millis: u64,
    /// What may trouble a viewer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ContentWarning>,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobError {
    /// The reason in one word, for programs.
    pub reason: FailureReason,
    /// The reason in words, for people.
    pub message: String,
    /// Whether the same request may succeed another time.
    pub retryable: bool,
    /// When to try it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// What a provider objected to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ContentWarning>,
}

/// Why a job failed, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The provider will not or cannot make it, or is not enabled here.
    Refused,
    /// Every try failed.
    AttemptsExhausted,
    /// It did not end in time.
    DeadlineExceeded,
}

/// One image job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// How often its row was written: the condition of the next write.
    pub revision: u64,
    /// Whose it is.
    pub client_id: ClientId,
    /// For whom.
    pub user_id: UserId,
    /// In which chat session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// In which batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// The trace of the request that started it.
    pub trace_id: TraceId,
    /// What to make.
    pub picture: Picture,
    /// How urgent it is.
    pub priority: Priority,
    /// Whom to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookTarget>,
    /// What to give back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,

    /// How it stands.
    pub status: JobStatus,
    /// From 0 to 100, never backwards.
    pub progress: u8,
    /// When it last came further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_at: Option<Timestamp>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When a worker first took it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended, in whichever way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// When it would probably be done, as far as could be told when it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_at: Option<Timestamp>,
    /// When it ends at the latest.
    pub deadline: Timestamp,
    /// From when on it does not exist any more.
    pub expires_at: Timestamp,
    /// From when on its images do not exist any more.
    pub images_expire_at: Timestamp,

    /// Under which key its images are stored: random, so that nobody can guess an image's URL.
    pub storage_prefix: String,
    /// How often a provider was asked for its images.
    pub attempts: u32,
    /// How many calls that cost money that made, whatever came of them.
    #[serde(default)]
    pub paid_calls: u32,
    /// The last of those tries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Try>,
    /// What a provider has under way for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<Handle>,
    /// How often it was put back without having asked a provider since it last asked one.
    #[serde(default)]
    pub waits: u32,
    /// How many tries failed, worker crashes among them.
    pub failures: u32,
    /// Who works at it, or did when it crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Before when nobody should take it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// How often the sweeper sent its message again.
    #[serde(default)]
    pub resends: u32,
    /// When the sweeper must look at it; nothing is left to do for a job without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,

    /// How it ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
}

/// What a worker that was handed a job should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Take it up.
    Run,
    /// Nothing: it is over.
    Ended,
    /// Nothing: somebody works at it, and the sweeper looks after it.
    Leased,
    /// Nothing: its time comes later, and so does its message.
    TooEarly,
    /// End it: its time is up.
    Expired,
    /// End it: it failed too often.
    Exhausted,
    /// Its time or its tries are up, but its last worker died and may have stored what was paid for:
    /// take it up once more, ask for nothing that costs money, and end it by what is there.
    Salvage,
}

/// How long after a job's deadline its last worker's images may still be salvaged.
const SALVAGE: Duration = Duration::from_secs(30 * 60);
/// How many crashes of a worker that salvages are too many.
const SALVAGE_CRASHES: u32 = 3;

impl Job {
    /// A new job, accepted at `now`.
    #[must_use]
    pub fn accept(
        id: JobId,
        request: GenerateRequest,
        client: ClientId,
        trace_id: TraceId,
        now: Timestamp,
        policy: &JobPolicy,
    ) -> Self {
        let new = Self::new(id, request, client, trace_id, now, policy.lifetimes(now));
        Self { status: JobStatus::Queued, due_at: Some(now + policy.requeue_after), ..new }
    }

    /// A job whose row is not written and whose message has not gone out: pending, and due at once.
    pub(crate) fn new(
        id: JobId,
        request: GenerateRequest,
        client: ClientId,
        trace_id: TraceId,
        created_at: Timestamp,
        lifetimes: Lifetimes,
    ) -> Self {
        let secret: [u8; 16] = rand::random();
        Self {
            id,
            revision: 0,
            client_id: client,
            user_id: request.user,
            session_id: request.session,
            batch_id: None,
            trace_id,
            picture: request.picture,
            priority: request.priority,
            webhook: request.webhook,
            metadata: request.metadata,
            status: JobStatus::Pending,
            progress: 0,
            progress_at: None,
            created_at,
            started_at: None,
            completed_at: None,
            expected_at: None,
            deadline: lifetimes.deadline,
            expires_at: lifetimes.expires_at,
            images_expire_at: lifetimes.images_expire_at,
            storage_prefix: crate::image::hex(&secret),
            attempts: 0,
            paid_calls: 0,
            tries: Vec::new(),
            handle: None,
            waits: 0,
            failures: 0,
            lease: None,
            not_before: None,
            resends: 0,
            due_at: Some(created_at),
            result: None,
            error: None,
        }
    }

    /// Notes how long jobs of its kind take, if that is known.
    pub fn expect(&mut self, time: Option<Duration>) {
        self.expected_at = time.map(|time| self.created_at + time);
    }

    /// The webhook for `event`, if its receiver asked for it. It must be saved together with the job.
    #[must_use]
    pub fn delivery(&self, event: WebhookEvent, now: Timestamp) -> Option<Delivery> {
        let target = self.webhook.as_ref().filter(|target| target.events.contains(&event))?;
        Some(Delivery::new(self, event, target.url.clone(), now))
    }

    fn advance(&mut self, event: JobEvent) -> Result<(), Refused> {
        self.status = next(self.status, event)?;
        Ok(())
    }

    fn lapsed(&self, now: Timestamp) -> bool {
        self.lease.is_some_and(|lease| lease.until <= now)
    }

    /// Its row is about to be written, and its message to go out after it.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the job has ended.
    pub fn enqueue(&mut self, now: Timestamp, policy: &JobPolicy) -> Result<(), Refused> {
        self.advance(JobEvent::Enqueued)?;
        self.due_at = Some(now + policy.requeue_after);
        Ok(())
    }

    /// The queue did not take the message: the next sweep shall send it.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the job has ended.
    pub fn message_lost(&mut self, now: Timestamp) -> Result<(), Refused> {
        self.advance(JobEvent::EnqueueFailed)?;
        self.due_at = Some(now);
        Ok(())
    }

    /// The sweeper sent the message again. Each time it waits twice as long before the next,
    /// for a message may only be waiting its turn in a long queue.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the job has ended.
    pub fn message_sent(&mut self, now: Timestamp, policy: &JobPolicy) -> Result<(), Refused> {
        self.advance(JobEvent::Enqueued)?;
        self.resends += 1;
        let next = now + policy.requeue_after * 2u32.pow(self.resends.min(5));
        // Whatever the queue does, the sweeper is there when the job must end.
        self.due_at = Some(next.min(self.deadline.max(now + policy.requeue_after)));
        Ok(())
    }

    /// What to do on a message about this job.
    #[must_use]
    pub fn admission(&self, now: Timestamp, policy: &JobPolicy) -> Admission {
        let failures = self.failures + u32::from(self.lapsed(now));
        let over = now >= self.deadline || failures >= policy.max_failures;
        if self.status.ended() {
            Admission::Ended
        } else if self.lease.is_some_and(|lease| lease.until > now) {
            Admission::Leased
        } else if over
            && self.lapsed(now)
            && now < self.deadline + SALVAGE
            && failures < policy.max_failures + SALVAGE_CRASHES
        {
            Admission::Salvage
        } else if now >= self.deadline {
            Admission::Expired
        } else if over {
            Admission::Exhausted
        } else if self.not_before.is_some_and(|at| at > now) {
            Admission::TooEarly
        } else {
            Admission::Run
        }
    }

    /// A worker takes it up until `lease` lapses. A lease that was never given back was a crash.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the job has ended.
    pub fn take_up(&mut self, lease: Lease, now: Timestamp) -> Result<(), Refused> {
        self.advance(JobEvent::Leased)?;
        if self.lapsed(now) {
            self.failures += 1;
            self.worker_died();
        }
        self.started_at.get_or_insert(now);
        self.lease = Some(lease);
        self.not_before = None;
        self.resends = 0;
        self.due_at = Some(lease.until);
        Ok(())
    }

    /// Its worker has come so far. Never goes backwards, and only the end makes it 100; what comes sooner
    /// than [`PROGRESS_EVERY`] after the last is left out, whichever worker it comes from.
    pub fn report_progress(&mut self, percent: u8, now: Timestamp) {
        let last = self.progress_at.or(self.started_at).unwrap_or(self.created_at);
        if percent.min(99) > self.progress && now.since(last) >= PROGRESS_EVERY {
            self.progress = percent.min(99);
            self.progress_at = Some(now);
        }
    }

    /// Its worker gives it back until `at`. A failed try counts against the job; waiting for room does not.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the job has ended or was never taken up.
    pub fn put_back(&mut self, at: Timestamp, failed: bool, policy: &JobPolicy) -> Result<(), Refused> {
        self.advance(JobEvent::Deferred)?;
        self.failures += u32::from(failed);
        self.lease = None;
        self.not_before = Some(at);
        self.due_at = Some((at + policy.requeue_after).min(self.deadline.max(at)));
        Ok(())
    }

    /// It ends well.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the job has ended or was never taken up.
    pub fn complete(&mut self, result: JobResult, now: Timestamp) -> Result<(), Refused> {
        self.advance(JobEvent::Completed)?;
        self.progress = 100;
        self.result = Some(result);
        self.end(now);
        Ok(())
    }

    /// It ends without images.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the job has ended.
    pub fn fail(&mut self, error: JobError, now: Timestamp) -> Result<(), Refused> {
        self.advance(JobEvent::Failed)?;
        self.error = Some(error);
        self.end(now);
        Ok(())
    }

    /// Its owner wants it no more. A worker that is at it finds out at its next write, and what it
    /// stores until then is deleted.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the job has ended.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), Refused> {
        self.advance(JobEvent::Cancelled)?;
        self.end(now);
        Ok(())
    }

    fn end(&mut self, now: Timestamp) {
        // A single try that completed a job has stored what the row names and nothing else. In
        // every other case a worker may have left an image, or may still be storing one: the
        // sweeper looks when the last of them is certainly dead.
        let clean = self.status == JobStatus::Completed && self.attempts <= 1 && self.failures == 0;
        let last_worker = self.lease.take().map_or(now, |lease| match self.status {
            JobStatus::Completed => now,
            JobStatus::Failed
            | JobStatus::Cancelled
            | JobStatus::Pending
            | JobStatus::Queued
            | JobStatus::Processing => lease.until.max(now),
        });
        self.completed_at = Some(now);
        self.not_before = None;
        self.due_at = (self.started_at.is_some() && !clean).then_some(last_worker);
    }

    /// Its clean-up failed: later, behind what can be seen to now.
    pub fn clean_up_later(&mut self, now: Timestamp) {
        self.due_at = Some(now + Duration::from_secs(600));
    }

    /// Nothing is left of it in the store but what its row names.
    pub fn cleaned_up(&mut self) {
        self.due_at = None;
    }

    /// The error of a job that must end without images at `now`: its time is up, or else its tries are.
    #[must_use]
    pub fn ending_error(&self, now: Timestamp) -> JobError {
        if now >= self.deadline { self.deadline_error() } else { self.exhausted_error() }
    }

    /// The error of a job whose time is up.
    #[must_use]
    pub fn deadline_error(&self) -> JobError {
        let hours = self.deadline.since(self.created_at).as_secs_f64() / 3600.0;
        JobError {
            reason: FailureReason::DeadlineExceeded,
            message: format!("no provider finished the job within {hours} hours of its acceptance"),
            retryable: true,
            retry_after_seconds: None,
            warnings: Vec::new(),
        }
    }

    /// The error of a job that failed too often.
    #[must_use]
    pub fn exhausted_error(&self) -> JobError {
        JobError {
            reason: FailureReason::AttemptsExhausted,
            message: match self.failed_tries().last() {
                Some((last, failure)) => format!(
                    "{} attempts failed, the last one at {}: {}",
                    self.attempts, last.provider, failure.message
                ),
                None => format!("{} attempts failed", self.attempts),
            },
            retryable: true,
            retry_after_seconds: None,
            warnings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Count, Prompt, ProviderChoice, Quality, Size};

    const POLICY: JobPolicy = JobPolicy {
        requeue_after: Duration::from_secs(100),
        max_failures: 3,
        lifetime: Duration::from_secs(10_000),
        keep_images: DAY,
        keep_jobs: DAY,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn lease(until: i64) -> Lease {
        Lease { id: LeaseId::new(), until: at(until) }
    }

    fn job() -> Job {
        let picture = Picture {
            prompt: Prompt::try_from("a kite".to_owned()).unwrap(),
            provider: ProviderChoice::Automatic,
            size: Size::S512,
            count: Count::ONE,
            quality: Quality::Standard,
            style: None,
        };
        let request = GenerateRequest {
            user: UserId::new(),
            session: None,
            picture,
            priority: Priority::Normal,
            webhook: None,
            metadata: None,
        };
        Job::accept(JobId::new(), request, "acme".parse().unwrap(), TraceId::new(), at(0), &POLICY)
    }

    fn result() -> JobResult {
        JobResult {
            images: vec![],
            provider: "sandbox".into(),
            cost_micros: 0,
            processing_millis: 1,
            warnings: vec![],
        }
    }

    #[test]
    fn a_job_is_watched_until_it_ends_and_no_longer() {
        let mut job = job();
        assert_eq!(job.due_at, Some(at(100)));
        job.take_up(lease(50), at(10)).unwrap();
        assert_eq!(job.due_at, Some(at(50)));
        job.complete(result(), at(20)).unwrap();
        assert_eq!((job.due_at, job.lease, job.progress), (None, None, 100));
    }

    #[test]
    fn a_live_lease_keeps_others_away_and_a_lapsed_one_is_a_failed_try() {
        let mut job = job();
        job.take_up(lease(50), at(10)).unwrap();
        assert_eq!(job.admission(at(49), &POLICY), Admission::Leased);
        assert_eq!(job.admission(at(50), &POLICY), Admission::Run);
        job.take_up(lease(90), at(50)).unwrap();
        assert_eq!(job.failures, 1);
        job.take_up(lease(130), at(90)).unwrap();
        assert_eq!(job.admission(at(131), &POLICY), Admission::Salvage);
        job.lease = None;
        job.failures = 3;
        assert_eq!(job.admission(at(131), &POLICY), Admission::Exhausted);
    }

    #[test]
    fn a_takeover_is_cleaned_up_after() {
        let mut job = job();
        job.take_up(lease(50), at(10)).unwrap();
        job.begin_try("p", 1, at(10));
        job.take_up(lease(90), at(50)).unwrap();
        job.complete(result(), at(60)).unwrap();
        assert_eq!(job.due_at, Some(at(60)));
        job.cleaned_up();
        assert_eq!(job.due_at, None);
    }

    #[test]
    fn a_job_that_fails_under_a_worker_is_cleaned_up_when_that_worker_is_dead() {
        let mut job = job();
        job.take_up(lease(50), at(10)).unwrap();
        job.begin_try("p", 1, at(10));
        let error = job.deadline_error();
        job.fail(error, at(20)).unwrap();
        assert_eq!(job.due_at, Some(at(50)));
    }

    #[test]
    fn a_cancelled_job_is_cleaned_up_after_if_a_worker_ever_had_it() {
        let mut untouched = job();
        untouched.cancel(at(5)).unwrap();
        assert_eq!((untouched.due_at, untouched.completed_at), (None, Some(at(5))));

        let mut worked_at = job();
        worked_at.take_up(lease(50), at(10)).unwrap();
        let mut waiting = worked_at.clone();
        worked_at.cancel(at(20)).unwrap();
        assert_eq!((worked_at.status, worked_at.lease), (JobStatus::Cancelled, None));
        assert_eq!(worked_at.due_at, Some(at(50)), "when its worker is certainly dead");

        waiting.put_back(at(30), true, &POLICY).unwrap();
        waiting.cancel(at(20)).unwrap();
        assert_eq!((waiting.due_at, waiting.not_before), (Some(at(20)), None));
    }

    #[test]
    fn waiting_is_no_failure() {
        let mut job = job();
        job.take_up(lease(50), at(10)).unwrap();
        job.put_back(at(30), false, &POLICY).unwrap();
        assert_eq!((job.failures, job.lease), (0, None));
        assert_eq!(job.admission(at(29), &POLICY), Admission::TooEarly);
        assert_eq!(job.admission(at(30), &POLICY), Admission::Run);
        assert_eq!(job.due_at, Some(at(130)));
    }

    #[test]
    fn the_deadline_ends_a_job_that_nobody_holds() {
        let mut job = job();
        assert_eq!(job.admission(at(9_999), &POLICY), Admission::Run);
        assert_eq!(job.admission(at(10_000), &POLICY), Admission::Expired);
        job.take_up(lease(10_050), at(9_999)).unwrap();
        assert_eq!(job.admission(at(10_000), &POLICY), Admission::Leased);
    }

    #[test]
    fn what_a_dead_worker_left_is_salvaged_before_the_end_but_not_for_ever() {
        let mut job = job();
        job.take_up(lease(10_050), at(9_999)).unwrap();
        assert_eq!(job.admission(at(10_050), &POLICY), Admission::Salvage);
        assert_eq!(job.admission(at(10_000 + 1800), &POLICY), Admission::Expired);
        job.failures = 5;
        assert_eq!(job.admission(at(10_050), &POLICY), Admission::Expired);
    }

    #[test]
    fn the_sweeper_is_there_at_the_deadline() {
        let mut job = job();
        for _ in 0..7 {
            job.message_sent(at(9_000), &POLICY).unwrap();
        }
        assert_eq!(job.due_at, Some(at(10_000)));
    }

    #[test]
    fn an_ended_job_refuses_everything() {
        let mut job = job();
        job.take_up(lease(50), at(10)).unwrap();
        job.complete(result(), at(20)).unwrap();
        let before = job.clone();
        assert_eq!(job.take_up(lease(99), at(60)), Err(Refused::Ended));
        assert_eq!(job.fail(before.deadline_error(), at(60)), Err(Refused::Ended));
        assert_eq!(job.message_sent(at(60), &POLICY), Err(Refused::Ended));
        assert_eq!(job.put_back(at(60), true, &POLICY), Err(Refused::Ended));
        assert_eq!(job.enqueue(at(60), &POLICY), Err(Refused::Ended));
        assert_eq!(job.cancel(at(60)), Err(Refused::Ended));
        assert_eq!(job, before);
    }

    #[test]
    fn resends_come_further_and_further_apart() {
        let mut job = job();
        let mut waits = vec![];
        for _ in 0..7 {
            job.message_sent(at(0), &POLICY).unwrap();
            waits.push(job.due_at.unwrap().seconds());
        }
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 3200, 3200]);
    }

    #[test]
    fn progress_never_goes_back_nor_reaches_the_end_early() {
        let mut job = job();
        for (percent, seconds, expected) in
            [(40, 2, 40), (30, 10, 40), (50, 3, 40), (50, 4, 50), (100, 6, 99)]
        {
            job.report_progress(percent, at(seconds));
            assert_eq!(job.progress, expected, "{percent} after {seconds} s");
        }
    }
}
