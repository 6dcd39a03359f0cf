//! Why a job that has not ended is not being worked at.

use serde::{Deserialize, Serialize};

use crate::primitives::timestamp::Timestamp;
use crate::providers::error::ProviderError;
use crate::providers::wait_reason::WaitReason;

/// What a job waits for. Its row has this from the release until the next attempt begins or the job ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitingFor {
    pub reason: WaitReason,
    /// The provider that the job waits for, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Since when the job has waited for this.
    pub since: Timestamp,
    /// When a worker looks at the job again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl WaitingFor {
    /// Returns what a job waits for until `until` after this failure. If it has waited for the same `before`, the
    /// time since when it does stays.
    pub(super) fn after(
        failure: &ProviderError,
        before: Option<&Self>,
        now: Timestamp,
        until: Timestamp,
    ) -> Option<Self> {
        let provider = failure.provider.map(str::to_owned);
        failure.wait_reason().map(|reason| Self::of(reason, provider, before, now, until))
    }

    /// Returns the same for a job that waits for `reason`.
    pub(super) fn of(
        reason: WaitReason,
        provider: Option<String>,
        before: Option<&Self>,
        now: Timestamp,
        until: Timestamp,
    ) -> Self {
        let same = before.filter(|before| before.reason == reason && before.provider == provider);
        Self { reason, provider, since: same.map_or(now, |before| before.since), until: Some(until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::job::Job;
    use crate::providers::error::{ErrorClass, Reason};

    fn job() -> Job {
        crate::jobs::lifecycle::tests::job()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn job_that_goes_on_waiting_keeps_the_time_since_when() {
        let mut job = job();
        let account = ProviderError::new(ErrorClass::Operator, Reason::Auth, "no").at("openai");
        let denied = ProviderError::new(ErrorClass::Capacity, Reason::Waiting, "no").at("openai");
        let denied = denied.waiting_for(WaitReason::Account);
        job.wait_for(&account, at(10), at(50));
        job.wait_for(&denied, at(51), at(90));
        let waiting = job.waiting_for.clone().unwrap();
        assert_eq!(
            (waiting.reason, waiting.since, waiting.until),
            (WaitReason::Account, at(10), Some(at(90)))
        );
        assert_eq!(waiting.provider.as_deref(), Some("openai"));
        job.wait_for(&denied.waiting_for(WaitReason::Place), at(91), at(93));
        assert_eq!(job.waiting_for.unwrap().since, at(91));
    }

    #[test]
    fn job_says_why_it_waits_for_a_picture_and_not_while_its_provider_works() {
        let mut job = job();
        job.begin_attempt("openai", 1, at(10));
        job.checkpoint("a URL");
        job.look_again(Some(WaitReason::Account), at(11), at(31));
        job.look_again(Some(WaitReason::Account), at(32), at(52));
        let waiting = job.waiting_for.clone().unwrap();
        assert_eq!((waiting.reason, waiting.provider.as_deref()), (WaitReason::Account, Some("openai")));
        assert_eq!((waiting.since, waiting.until), (at(11), Some(at(52))));
        job.look_again(None, at(53), at(57));
        assert_eq!(job.waiting_for, None);
    }

    #[test]
    fn attempt_or_end_clears_what_the_job_waits_for() {
        let failure = ProviderError::new(ErrorClass::Provider, Reason::Failed, "it failed").at("openai");
        let waiting = || {
            let mut job = job();
            job.wait_for(&failure, at(10), at(50));
            assert_eq!(job.waiting_for.as_ref().unwrap().reason, WaitReason::Backoff);
            job
        };
        let (mut begun, mut ended) = (waiting(), waiting());
        begun.begin_attempt("openai", 1, at(50));
        ended.cancel(at(50)).unwrap();
        assert_eq!((begun.waiting_for, ended.waiting_for), (None, None));
    }
}
