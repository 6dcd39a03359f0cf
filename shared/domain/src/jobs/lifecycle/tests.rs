use super::*;
use crate::images::{Count, Picture, Prompt, ProviderChoice, Quality, Size};
use crate::jobs::{Admission, GenerateRequest};
use crate::primitives::{JobId, LeaseId, Priority, TraceId, UserId};

const POLICY: JobPolicy = JobPolicy {
    requeue_after: Duration::from_secs(100),
    max_failures: 3,
    lifetime: Duration::from_secs(10_000),
    keep_images: Duration::from_secs(24 * 60 * 60),
    keep_jobs: Duration::from_secs(24 * 60 * 60),
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn lease(until: i64) -> Lease {
    Lease { id: LeaseId::new(), until: at(until) }
}

pub(crate) fn job() -> Job {
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
fn job_is_due_until_it_ends() {
    let mut job = job();
    assert_eq!(job.due_at, Some(at(100)));
    job.start(lease(50), at(10)).unwrap();
    assert_eq!(job.due_at, Some(at(50)));
    job.complete(result(), at(20)).unwrap();
    assert_eq!((job.due_at, job.lease, job.progress), (None, None, 100));
}

#[test]
fn live_lease_blocks_and_expired_lease_counts_as_failure() {
    let mut job = job();
    job.start(lease(50), at(10)).unwrap();
    assert_eq!(job.admission(at(49), &POLICY), Admission::Leased);
    assert_eq!(job.admission(at(50), &POLICY), Admission::Run);
    job.start(lease(90), at(50)).unwrap();
    assert_eq!(job.failures, 1);
    job.start(lease(130), at(90)).unwrap();
    assert_eq!(job.admission(at(131), &POLICY), Admission::RecoverOnly);
    job.lease = None;
    job.failures = 3;
    assert_eq!(job.admission(at(131), &POLICY), Admission::Exhausted);
}

#[test]
fn released_job_past_its_deadline_recovers_what_its_attempts_stored() {
    let mut job = job();
    job.start(lease(50), at(10)).unwrap();
    job.begin_attempt("p", 1, at(11));
    job.release(at(9_990), false, &POLICY).unwrap();
    assert_eq!(job.admission(at(10_001), &POLICY), Admission::RecoverOnly);
    assert_eq!(job.admission(at(99_000), &POLICY), Admission::RecoverOnly);
    // Without an attempt there is nothing to recover.
    job.attempts = 0;
    assert_eq!(job.admission(at(10_001), &POLICY), Admission::Expired);
}

#[test]
fn partly_completed_job_has_result_and_error() {
    let mut job = job();
    job.start(lease(50), at(10)).unwrap();
    let error = job.exhausted_error().for_missing(1, 4);
    assert!(error.message.starts_with("1 of 4 images could not be made: "), "{}", error.message);
    job.complete_partly(result(), error.clone(), at(20)).unwrap();
    assert_eq!((job.status, job.result.is_some(), job.error), (JobStatus::Completed, true, Some(error)));
}

#[test]
fn completion_after_takeover_schedules_cleanup() {
    let mut job = job();
    job.start(lease(50), at(10)).unwrap();
    job.begin_attempt("p", 1, at(10));
    job.start(lease(90), at(50)).unwrap();
    job.complete(result(), at(60)).unwrap();
    assert_eq!(job.due_at, Some(at(60)));
    job.cleaned_up();
    assert_eq!(job.due_at, None);
}

#[test]
fn failed_job_is_cleaned_up_when_its_lease_expires() {
    let mut job = job();
    job.start(lease(50), at(10)).unwrap();
    job.begin_attempt("p", 1, at(10));
    let error = job.deadline_error();
    job.fail(error, at(20)).unwrap();
    assert_eq!(job.due_at, Some(at(50)));
}

#[test]
fn cancelled_job_is_cleaned_up_if_it_was_ever_started() {
    let mut never_started = job();
    never_started.cancel(at(5)).unwrap();
    assert_eq!((never_started.due_at, never_started.completed_at), (None, Some(at(5))));

    let mut running = job();
    running.start(lease(50), at(10)).unwrap();
    let mut released = running.clone();
    running.cancel(at(20)).unwrap();
    assert_eq!((running.status, running.lease), (JobStatus::Cancelled, None));
    assert_eq!(running.due_at, Some(at(50)), "when its worker is certainly dead");

    released.release(at(30), true, &POLICY).unwrap();
    released.cancel(at(20)).unwrap();
    assert_eq!((released.due_at, released.not_before), (Some(at(20)), None));
}

#[test]
fn release_without_failure_does_not_count() {
    let mut job = job();
    job.start(lease(50), at(10)).unwrap();
    job.release(at(30), false, &POLICY).unwrap();
    assert_eq!((job.failures, job.lease), (0, None));
    assert_eq!(job.admission(at(29), &POLICY), Admission::TooEarly);
    assert_eq!(job.admission(at(30), &POLICY), Admission::Run);
    assert_eq!(job.due_at, Some(at(130)));
}

#[test]
fn job_without_live_lease_expires_at_its_deadline() {
    let mut job = job();
    assert_eq!(job.admission(at(9_999), &POLICY), Admission::Run);
    assert_eq!(job.admission(at(10_000), &POLICY), Admission::Expired);
    job.start(lease(10_050), at(9_999)).unwrap();
    assert_eq!(job.admission(at(10_000), &POLICY), Admission::Leased);
}

#[test]
fn crash_at_deadline_allows_recovery_within_bounds() {
    let mut job = job();
    job.start(lease(10_050), at(9_999)).unwrap();
    assert_eq!(job.admission(at(10_050), &POLICY), Admission::RecoverOnly);
    assert_eq!(job.admission(at(10_000 + 1800), &POLICY), Admission::Expired);
    job.failures = 5;
    assert_eq!(job.admission(at(10_050), &POLICY), Admission::Expired);
}

#[test]
fn requeued_job_is_due_at_its_deadline() {
    let mut job = job();
    for _ in 0..7 {
        job.requeued(at(9_000), &POLICY).unwrap();
    }
    assert_eq!(job.due_at, Some(at(10_000)));
}

#[test]
fn ended_job_rejects_every_change() {
    let mut job = job();
    job.start(lease(50), at(10)).unwrap();
    job.complete(result(), at(20)).unwrap();
    let before = job.clone();
    assert_eq!(job.start(lease(99), at(60)), Err(InvalidTransition::Ended));
    assert_eq!(job.fail(before.deadline_error(), at(60)), Err(InvalidTransition::Ended));
    assert_eq!(job.requeued(at(60), &POLICY), Err(InvalidTransition::Ended));
    assert_eq!(job.release(at(60), true, &POLICY), Err(InvalidTransition::Ended));
    assert_eq!(job.enqueue(at(60), &POLICY), Err(InvalidTransition::Ended));
    assert_eq!(job.cancel(at(60)), Err(InvalidTransition::Ended));
    assert_eq!(job, before);
}

#[test]
fn requeues_back_off_up_to_a_limit() {
    let mut job = job();
    let mut due_times = vec![];
    for _ in 0..7 {
        job.requeued(at(0), &POLICY).unwrap();
        due_times.push(job.due_at.unwrap().seconds());
    }
    assert_eq!(due_times, [200, 400, 800, 1600, 3200, 3200, 3200]);
}

#[test]
fn progress_never_decreases_and_stays_below_100() {
    let mut job = job();
    for (percent, seconds, expected) in [(40, 2, 40), (30, 10, 40), (50, 3, 40), (50, 4, 50), (100, 6, 99)] {
        job.report_progress(percent, at(seconds));
        assert_eq!(job.progress, expected, "{percent} after {seconds} s");
    }
}
