//! Which providers were asked for a job, what they said, and what they still have under way.

use crate::jobs::attempt::{AttemptFailure, ProviderAttempt, TaskHandle};
use crate::jobs::job::Job;
use crate::primitives::timestamp::Timestamp;
use crate::providers::error::{ErrorClass, ProviderError, Reason};
use sha2::{Digest as _, Sha256};

/// How many tries a row tells of: the last ones.
const MAX_ATTEMPTS_KEPT: usize = 30;

impl Job {
    /// A provider is about to be asked, by `calls` calls that cost money. To be written before them.
    pub fn begin_attempt(&mut self, provider: &str, calls: u32, now: Timestamp) {
        self.attempts += 1;
        self.paid_calls += calls;
        self.deferrals = 0;
        if self.provider_attempts.len() >= MAX_ATTEMPTS_KEPT {
            self.provider_attempts.remove(0);
        }
        self.provider_attempts.push(ProviderAttempt {
            provider: provider.to_owned(),
            at: now,
            calls,
            failure: None,
            over: false,
        });
    }

    /// The provider that was asked last will make no more images, for this reason if there is one.
    pub fn end_attempt(&mut self, failure: Option<&ProviderError>, now: Timestamp) {
        self.handle = None;
        self.end_last_attempt(failure.map(|failure| AttemptFailure {
            reason: failure.reason,
            message: failure.message.clone(),
            possibly_paid: failure.possibly_paid,
            counts: failure.class == ErrorClass::Provider,
            not_before: failure.retry_after.map(|after| now + after),
        }));
    }

    /// The worker died that was at the last try. What the provider has under way is still to be asked for.
    pub(crate) fn worker_crashed(&mut self) {
        if self.handle.is_none() {
            self.end_last_attempt(Some(AttemptFailure {
                reason: Reason::NoAnswer,
                message: "the worker died before the provider had answered".into(),
                possibly_paid: true,
                counts: true,
                not_before: None,
            }));
        }
    }

    /// The try that is not over.
    #[must_use]
    pub fn open_attempt(&self) -> Option<&ProviderAttempt> {
        self.provider_attempts.last().filter(|last| !last.over)
    }

    fn end_last_attempt(&mut self, failure: Option<AttemptFailure>) {
        if let Some(last) = self.provider_attempts.last_mut().filter(|last| !last.over) {
            last.over = true;
            last.failure = failure;
        }
    }

    /// What the provider that was asked last has under way, in its own words.
    pub fn checkpoint(&mut self, state: &str) {
        if let Some(last) = self.provider_attempts.last() {
            self.handle = Some(TaskHandle { provider: last.provider.clone(), checkpoint: state.to_owned() });
        }
    }

    /// Stands for the end user at a provider, to whom it tells nothing of him.
    #[must_use]
    pub fn end_user(&self) -> String {
        let digest = Sha256::new()
            .chain_update(self.client_id.as_str())
            .chain_update([0])
            .chain_update(self.user_id.uuid().as_bytes())
            .finalize();
        crate::primitives::hash::hex(&digest[..16])
    }

    /// How often `provider` has failed this job, as far as the row tells.
    #[must_use]
    pub fn failures_at(&self, provider: &str) -> usize {
        self.provider_attempts
            .iter()
            .filter(|attempt| attempt.provider == provider && attempt.failure.is_some())
            .count()
    }

    /// How often `provider` itself has failed this job, as far as the row tells.
    #[must_use]
    pub fn counted_failures_at(&self, provider: &str) -> u32 {
        let counts =
            |attempt: &&ProviderAttempt| attempt.failure.as_ref().is_some_and(|failure| failure.counts);
        self.provider_attempts.iter().filter(|attempt| attempt.provider == provider).filter(counts).count()
            as u32
    }

    /// Until when `provider`, which has failed this job, should be left alone.
    #[must_use]
    pub fn not_before_at(&self, provider: &str) -> Option<Timestamp> {
        let last = self.provider_attempts.iter().rev().find(|attempt| attempt.provider == provider)?;
        last.failure.as_ref().filter(|failure| failure.counts)?.not_before
    }

    /// How many calls that cost money a provider has under way, for all that the row tells. If the job
    /// ends now they were made in vain.
    #[must_use]
    pub fn paid_calls_in_flight(&self) -> Option<u32> {
        self.open_attempt().map(|last| last.calls).filter(|calls| *calls > 0)
    }

    /// The row as it is now, with what only the holder of its lease writes as the holder knows it:
    /// a write of the holder's may have gone through without his knowing.
    #[must_use]
    pub fn with_holder_state(self, held: &Self) -> Self {
        Self {
            provider_attempts: held.provider_attempts.clone(),
            handle: held.handle.clone(),
            attempts: held.attempts,
            paid_calls: held.paid_calls,
            deferrals: held.deferrals,
            ..self
        }
    }

    /// The tries that failed, the oldest first.
    pub fn failed_attempts(&self) -> impl DoubleEndedIterator<Item = (&ProviderAttempt, &AttemptFailure)> {
        self.provider_attempts
            .iter()
            .filter_map(|attempt| attempt.failure.as_ref().map(|failure| (attempt, failure)))
    }
}
