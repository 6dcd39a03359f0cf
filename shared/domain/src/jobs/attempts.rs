//! The provider attempts of a job: how they begin and end, and which task a provider is still working on.

use sha2::{Digest as _, Sha256};

use crate::jobs::attempt::{AttemptFailure, ProviderAttempt, TaskHandle};
use crate::jobs::job::Job;
use crate::primitives::timestamp::Timestamp;
use crate::providers::error::{ErrorClass, ProviderError, Reason};

/// How many attempts a row keeps: the most recent ones.
const MAX_ATTEMPTS_KEPT: usize = 30;

impl Job {
    /// Records that an attempt at `provider` begins, with at most `calls` paid calls.
    ///
    /// Save the job before the first of these calls.
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

    /// Records that the last attempt has ended: with `failure`, or successfully if it is `None`.
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

    /// Records that the worker crashed during the last attempt.
    ///
    /// If the provider has a task in progress, the attempt stays open, because the next run can still
    /// fetch its images.
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

    /// Returns the attempt that has not ended.
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

    /// Stores `state` as the checkpoint of the task that the last provider has in progress.
    pub fn checkpoint(&mut self, state: &str) {
        if let Some(last) = self.provider_attempts.last() {
            self.handle = Some(TaskHandle { provider: last.provider.clone(), checkpoint: state.to_owned() });
        }
    }

    /// Returns a pseudonym of the end user for providers. It reveals nothing about the user.
    #[must_use]
    pub fn end_user(&self) -> String {
        let digest = Sha256::new()
            .chain_update(self.client_id.as_str())
            .chain_update([0])
            .chain_update(self.user_id.uuid().as_bytes())
            .finalize();
        crate::primitives::hash::hex(&digest[..16])
    }

    /// Returns how many of the kept attempts at `provider` failed.
    #[must_use]
    pub fn failures_at(&self, provider: &str) -> usize {
        self.provider_attempts
            .iter()
            .filter(|attempt| attempt.provider == provider && attempt.failure.is_some())
            .count()
    }

    /// Returns how many of the kept attempts at `provider` failed because of the provider itself.
    #[must_use]
    pub fn counted_failures_at(&self, provider: &str) -> u32 {
        let counts =
            |attempt: &&ProviderAttempt| attempt.failure.as_ref().is_some_and(|failure| failure.counts);
        self.provider_attempts.iter().filter(|attempt| attempt.provider == provider).filter(counts).count()
            as u32
    }

    /// Returns the time before which `provider` must not be asked again for this job, if its last attempt
    /// failed.
    #[must_use]
    pub fn not_before_at(&self, provider: &str) -> Option<Timestamp> {
        let last = self.provider_attempts.iter().rev().find(|attempt| attempt.provider == provider)?;
        last.failure.as_ref().filter(|failure| failure.counts)?.not_before
    }

    /// Returns how many paid calls the open attempt may have made, as far as the row says. If the job
    /// ends now, these calls were possibly paid without a result.
    #[must_use]
    pub fn paid_calls_in_flight(&self) -> Option<u32> {
        self.open_attempt().map(|last| last.calls).filter(|calls| *calls > 0)
    }

    /// Returns this row with the fields that only the holder of its lease writes taken from `held`, the
    /// holder's own copy. They can differ: a write of the holder may have succeeded although its response
    /// was lost.
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

    /// Returns the failed attempts, oldest first.
    pub fn failed_attempts(&self) -> impl DoubleEndedIterator<Item = (&ProviderAttempt, &AttemptFailure)> {
        self.provider_attempts
            .iter()
            .filter_map(|attempt| attempt.failure.as_ref().map(|failure| (attempt, failure)))
    }
}
