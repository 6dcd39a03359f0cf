//! The provider attempts of a job: how they begin and end, and which task a provider is still working on.

use sha2::{Digest as _, Sha256};

use crate::jobs::attempt::{AttemptFailure, ProviderAttempt, TaskHandle};
use crate::jobs::job::Job;
use crate::jobs::waiting::WaitingFor;
use crate::primitives::timestamp::Timestamp;
use crate::providers::capacity::SettingsVersion;
use crate::providers::error::{ProviderError, Reason};
use crate::providers::error_policy::{Counts, Pause};
use crate::providers::wait_reason::WaitReason;

/// How many attempts a row keeps: the most recent ones.
const MAX_ATTEMPTS_KEPT: usize = 30;

impl Job {
    /// Records why the job waits until `until`.
    pub fn wait_for(&mut self, failure: &ProviderError, now: Timestamp, until: Timestamp) {
        self.waiting_for = WaitingFor::after(failure, self.waiting_for.as_ref(), now, until);
    }

    /// Records why the job waits until `until`, when it looks again for what its attempt began. `None` if the
    /// provider works on it.
    pub fn look_again(&mut self, reason: Option<WaitReason>, now: Timestamp, until: Timestamp) {
        let provider = self.handle.as_ref().map(|handle| handle.provider.clone());
        self.waiting_for =
            reason.map(|reason| WaitingFor::of(reason, provider, self.waiting_for.as_ref(), now, until));
    }

    /// Records that an attempt at `provider` begins, with at most `calls` paid calls.
    ///
    /// Save the job before the first of these calls.
    pub fn begin_attempt(&mut self, provider: &str, calls: u32, now: Timestamp) {
        self.attempts += 1;
        self.paid_calls += calls;
        self.deferrals = 0;
        self.waiting_for = None;
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

    /// Records that the open attempt makes `calls` more paid calls.
    ///
    /// Save the job before the first of these calls.
    pub fn add_calls(&mut self, calls: u32) {
        if let Some(last) = self.provider_attempts.last_mut().filter(|last| !last.over) {
            last.calls += calls;
            self.paid_calls += calls;
        }
    }

    /// Takes back the attempt that was begun last, because its call is not made after all.
    pub fn withdraw_attempt(&mut self) {
        if let Some(last) = self.provider_attempts.pop_if(|last| !last.over) {
            self.attempts = self.attempts.saturating_sub(1);
            self.paid_calls = self.paid_calls.saturating_sub(last.calls);
        }
    }

    /// Records that the last attempt has ended: with `failure` at a provider with `settings`, or successfully
    /// if it is `None`. `useless_answers` of its calls brought nothing.
    pub fn end_attempt(
        &mut self,
        failure: Option<&ProviderError>,
        useless_answers: u32,
        settings: Option<SettingsVersion>,
        now: Timestamp,
    ) {
        self.handle = None;
        self.end_last_attempt(failure.map(|failure| AttemptFailure {
            reason: failure.reason,
            message: failure.message.clone(),
            possibly_paid: failure.possibly_paid,
            counts: failure.policy().counts == Counts::Always,
            useless_answers,
            settings: settings.filter(|_| failure.policy().pause == Pause::Account),
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
                useless_answers: 0,
                settings: None,
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

    /// Returns how many calls `provider` answered with nothing of use.
    #[must_use]
    pub fn useless_answers_at(&self, provider: &str) -> u32 {
        self.failed_attempts()
            .filter(|(attempt, _)| attempt.provider == provider)
            .map(|(_, failure)| failure.useless_answers)
            .sum()
    }

    /// Returns how many calls any provider answered without an image, and nothing else.
    #[must_use]
    pub fn empty_answers(&self) -> u32 {
        self.failed_attempts()
            .filter(|(_, failure)| failure.reason == Reason::NoImage)
            .map(|(_, failure)| failure.useless_answers)
            .sum()
    }

    /// Returns until when `provider`, with these settings, must not be asked again for this job because its
    /// last attempt failed, and what the job waits for meanwhile.
    #[must_use]
    pub fn rests_until(
        &self,
        provider: &str,
        settings: Option<SettingsVersion>,
        now: Timestamp,
    ) -> Option<(Timestamp, WaitReason)> {
        let last = self.provider_attempts.iter().rev().find(|attempt| attempt.provider == provider)?;
        let failure = last.failure.as_ref()?;
        let until = failure.not_before.filter(|until| *until > now)?;
        if failure.counts {
            Some((until, WaitReason::Backoff))
        } else if failure.settings.is_some() && failure.settings == settings {
            Some((until, WaitReason::Account))
        } else {
            None
        }
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
            waiting_for: held.waiting_for.clone(),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::jobs::lifecycle::tests::job;
    use crate::providers::error::ErrorClass;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn withdrawn_attempt_is_not_counted() {
        let mut job = job();
        job.begin_attempt("p", 2, at(1));
        job.end_attempt(None, 0, None, at(2));
        let before = (job.attempts, job.paid_calls, job.provider_attempts.clone());
        job.begin_attempt("p", 3, at(3));
        job.withdraw_attempt();
        assert_eq!((job.attempts, job.paid_calls, job.provider_attempts.clone()), before);
        job.withdraw_attempt();
        assert_eq!(job.attempts, 1, "an attempt that is over stays");
    }

    #[test]
    fn provider_rests_after_an_operators_error_only_with_the_same_settings() {
        let mut job = job();
        let wrong = ProviderError::new(ErrorClass::Operator, Reason::ModelGone, "no such model");
        job.begin_attempt("p", 1, at(1));
        job.end_attempt(Some(&wrong.retry_after(Duration::from_secs(300))), 0, Some(7), at(1));
        assert_eq!(job.rests_until("p", Some(7), at(2)), Some((at(301), WaitReason::Account)));
        assert_eq!(job.rests_until("p", Some(8), at(2)), None);
        assert_eq!(job.rests_until("p", Some(7), at(301)), None);
    }

    #[test]
    fn useless_answers_are_summed_by_provider() {
        let mut job = job();
        for (provider, reason, useless) in
            [("p", Reason::NoImage, 1), ("q", Reason::NoImage, 1), ("p", Reason::BadResponse, 2)]
        {
            job.begin_attempt(provider, 2, at(1));
            let failure = ProviderError::new(ErrorClass::Provider, reason, "of no use");
            job.end_attempt(Some(&failure), useless, None, at(2));
        }
        assert_eq!(
            (job.useless_answers_at("p"), job.useless_answers_at("q"), job.empty_answers()),
            (3, 1, 2)
        );
    }
}
