//! Which providers were asked for a job, what they said, and what they still have under way.

use crate::jobs::attempt::{Failure, Handle, Try};
use crate::jobs::job::Job;
use crate::primitives::timestamp::Timestamp;
use crate::providers::error::{FaultOf, ProviderError, Reason};
use sha2::{Digest as _, Sha256};

/// How many tries a row tells of: the last ones.
const KEPT: usize = 30;

impl Job {
    /// A provider is about to be asked, by `calls` calls that cost money. To be written before them.
    pub fn begin_try(&mut self, provider: &str, calls: u32, now: Timestamp) {
        self.attempts += 1;
        self.paid_calls += calls;
        self.waits = 0;
        if self.tries.len() >= KEPT {
            self.tries.remove(0);
        }
        self.tries.push(Try { provider: provider.to_owned(), at: now, calls, failure: None, over: false });
    }

    /// The provider that was asked last will make no more images, for this reason if there is one.
    pub fn end_try(&mut self, failure: Option<&ProviderError>, now: Timestamp) {
        self.handle = None;
        self.end_last_try(failure.map(|failure| Failure {
            reason: failure.reason,
            message: failure.message.clone(),
            maybe_paid: failure.maybe_paid,
            counts: failure.fault == FaultOf::Provider,
            not_before: failure.retry_after.map(|after| now + after),
        }));
    }

    /// The worker died that was at the last try. What the provider has under way is still to be asked for.
    pub(crate) fn worker_died(&mut self) {
        if self.handle.is_none() {
            self.end_last_try(Some(Failure {
                reason: Reason::NoAnswer,
                message: "the worker died before the provider had answered".into(),
                maybe_paid: true,
                counts: true,
                not_before: None,
            }));
        }
    }

    /// The try that is not over.
    #[must_use]
    pub fn under_way(&self) -> Option<&Try> {
        self.tries.last().filter(|last| !last.over)
    }

    fn end_last_try(&mut self, failure: Option<Failure>) {
        if let Some(last) = self.tries.last_mut().filter(|last| !last.over) {
            last.over = true;
            last.failure = failure;
        }
    }

    /// What the provider that was asked last has under way, in its own words.
    pub fn note(&mut self, note: &str) {
        if let Some(last) = self.tries.last() {
            self.handle = Some(Handle { provider: last.provider.clone(), note: note.to_owned() });
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
    pub fn failed_at(&self, provider: &str) -> usize {
        self.tries.iter().filter(|one| one.provider == provider && one.failure.is_some()).count()
    }

    /// How often `provider` itself has failed this job, as far as the row tells.
    #[must_use]
    pub fn failures_of(&self, provider: &str) -> u32 {
        let counts = |one: &&Try| one.failure.as_ref().is_some_and(|failure| failure.counts);
        self.tries.iter().filter(|one| one.provider == provider).filter(counts).count() as u32
    }

    /// Until when `provider`, which has failed this job, should be left alone.
    #[must_use]
    pub fn not_before_at(&self, provider: &str) -> Option<Timestamp> {
        let last = self.tries.iter().rev().find(|one| one.provider == provider)?;
        last.failure.as_ref().filter(|failure| failure.counts)?.not_before
    }

    /// How many calls that cost money a provider has under way, for all that the row tells. If the job
    /// ends now they were made in vain.
    #[must_use]
    pub fn calls_under_way(&self) -> Option<u32> {
        self.under_way().map(|last| last.calls).filter(|calls| *calls > 0)
    }

    /// The row as it is now, with what only the holder of its lease writes as the holder knows it:
    /// a write of the holder's may have gone through without his knowing.
    #[must_use]
    pub fn as_held(self, held: &Self) -> Self {
        Self {
            tries: held.tries.clone(),
            handle: held.handle.clone(),
            attempts: held.attempts,
            paid_calls: held.paid_calls,
            waits: held.waits,
            ..self
        }
    }

    /// The tries that failed, the oldest first.
    pub fn failed_tries(&self) -> impl DoubleEndedIterator<Item = (&Try, &Failure)> {
        self.tries.iter().filter_map(|one| one.failure.as_ref().map(|failure| (one, failure)))
    }
}
