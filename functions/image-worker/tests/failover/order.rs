//! Whom a worker asks, in which order, and what it writes down about it.

use std::sync::Arc;
use std::time::Duration;

use domain::images::{Count, ProviderChoice};
use domain::jobs::FailureReason;
use domain::primitives::{Lease, LeaseId, Priority};
use domain::providers::{CapacityLimits, ErrorClass, Reason};
use domain::store::StoreError;
use domain::{Job, JobStatus, Timestamp};
use testkit::Sent;

use crate::world::{Acting, Does, MARGIN, World, reasons};

#[tokio::test]
async fn automatic_goes_to_the_next_on_passing_and_on_operators_failures() {
    for (fault, reason) in [
        (ErrorClass::Provider, Reason::Failed),
        (ErrorClass::Operator, Reason::QuotaExhausted),
        (ErrorClass::Capacity, Reason::RateLimited),
    ] {
        let (first, second) =
            (Acting::new("openai", Does::Fails(fault, reason)), Acting::new("stability", Does::Draws));
        let world = World::of(&[&first, &second]);
        let job = world.work(&world.job(|_| {})).await;
        assert_eq!((job.status, job.attempts, job.failures), (JobStatus::Completed, 2, 0), "{fault:?}");
        assert_eq!(job.result.as_ref().unwrap().provider, "stability");
        assert_eq!(reasons(&job), [("openai", reason)]);
        assert_eq!(job.paid_calls, 2);
    }
}

#[tokio::test]
async fn a_refusal_is_told_and_nobody_else_is_asked() {
    let first = Acting::new("openai", Does::Fails(ErrorClass::Caller, Reason::Moderated));
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&first, &second]);
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, second.asked()), (JobStatus::Failed, 0));
    let error = job.error.unwrap();
    assert_eq!((error.reason, error.retryable), (FailureReason::Refused, false));
}

#[tokio::test]
async fn what_one_provider_cannot_make_another_may() {
    let cannot = || Acting::new("openai", Does::Fails(ErrorClass::Caller, Reason::Unsupported));
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&cannot(), &second]);
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, second.asked()), (JobStatus::Completed, 1));

    second.now_does(Does::Fails(ErrorClass::Provider, Reason::Failed));
    let world = World::of(&[&cannot(), &second]);
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, job.failures), (JobStatus::Processing, 1), "the other one may still make it");
    let world = World::of(&[&cannot()]);
    assert_eq!(world.work(&world.job(|_| {})).await.status, JobStatus::Failed);
}

#[tokio::test]
async fn the_provider_that_was_asked_for_is_the_only_one() {
    let first = Acting::new("openai", Does::Fails(ErrorClass::Provider, Reason::Failed));
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&first, &second]);
    let job = world.work(&world.job(|job| job.picture.provider = ProviderChoice::GptImage)).await;
    assert_eq!((job.status, job.failures, second.asked()), (JobStatus::Processing, 1, 0));
}

#[tokio::test]
async fn what_one_provider_made_stays_and_the_next_makes_the_rest() {
    let first = Acting::new("openai", Does::DrawsOne);
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&first, &second]);
    let job = world.work(&world.job(|job| job.picture.count = Count::try_from(3).unwrap())).await;
    let result = job.result.unwrap();
    let makers: Vec<_> = result.images.iter().map(|image| image.origin.provider.as_str()).collect();
    assert_eq!((makers, result.cost_micros), (vec!["openai", "stability", "stability"], 15));
}

#[tokio::test]
async fn who_has_failed_a_job_is_asked_after_the_others_the_next_time() {
    let first = Acting::new("openai", Does::Vanishes);
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&first, &second]);
    let job = world.job(|_| {});
    // The first uses up all the time there is, and may have been paid.
    let waiting = world.work_for(&job, Duration::from_millis(1600)).await;
    assert_eq!((waiting.status, waiting.failures, second.asked()), (JobStatus::Processing, 1, 0));
    let failure = waiting.provider_attempts[0].failure.clone().unwrap();
    assert_eq!((failure.reason, failure.possibly_paid), (Reason::Timeout, true));
    let job = world.work_again(&job).await;
    assert_eq!((job.status, first.asked(), second.asked()), (JobStatus::Completed, 1, 1));
}

#[tokio::test]
async fn a_provider_that_cannot_make_it_is_passed_over_and_none_that_can_is_the_callers_fault() {
    let unable = Acting { able: false, ..Acting::new("openai", Does::Draws) };
    let able = Acting::new("stability", Does::Draws);
    let world = World::of(&[&unable, &able]);
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, unable.asked(), able.asked()), (JobStatus::Completed, 0, 1));

    let world = World::of(&[&unable]);
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, job.attempts), (JobStatus::Failed, 0));
    assert!(job.error.unwrap().message.contains("not this"));
}

#[tokio::test]
async fn a_provider_that_works_on_is_asked_again_with_its_own_words() {
    let provider = Acting::new("stability", Does::WorksOn);
    let world = World::of(&[&provider]);
    let job = world.job(|job| job.priority = Priority::Low);
    let waiting = world.work(&job).await;
    assert_eq!((waiting.status, waiting.failures, waiting.paid_calls), (JobStatus::Processing, 0, 1));
    assert_eq!(waiting.handle.as_ref().unwrap().checkpoint, "task 7");
    assert!(matches!(world.store.sent()[..], [Sent::Job(_, _, delay)] if delay <= Duration::from_secs(4)));
    // Its place is kept while nobody is there.
    let full = world.work(&world.job(|job| job.priority = Priority::Low)).await;
    assert_eq!((full.attempts, full.deferrals), (0, 1));

    provider.now_does(Does::Draws);
    let done = world.work_again(&job).await;
    assert_eq!((done.status, done.attempts, done.paid_calls), (JobStatus::Completed, 1, 1));
    assert_eq!(done.handle, None);
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn a_provider_that_is_cut_off_with_work_under_way_is_not_paid_again() {
    let provider = Acting::new("stability", Does::NotesAndVanishes);
    let world = World::of(&[&provider]);
    let job = world.job(|_| {});
    let waiting = world.work_for(&job, Duration::from_millis(1600)).await;
    assert_eq!((waiting.failures, waiting.handle.is_some()), (0, true));
    provider.now_does(Does::Draws);
    let done = world.work_again(&job).await;
    assert_eq!((done.status, done.paid_calls), (JobStatus::Completed, 1));
}

#[tokio::test]
async fn what_a_dead_workers_provider_has_under_way_is_asked_for_and_not_paid_again() {
    let provider = Acting::new("midjourney", Does::Draws);
    let world = World::of(&[&provider]);
    for change in [(|_| {}) as fn(&mut Job), |job| job.failures = 4, |job| job.deadline = Timestamp::now()] {
        let job = world.job(|job| {
            let begun = Timestamp::now() - MARGIN;
            job.start(Lease { id: LeaseId::new(), until: begun }, begun).unwrap();
            job.begin_attempt("midjourney", 1, begun);
            job.checkpoint("task 7");
            change(job);
        });
        let done = world.work(&job).await;
        assert_eq!((done.status, done.paid_calls), (JobStatus::Completed, 1));
    }
}

#[tokio::test]
async fn a_job_that_finds_no_place_waits_without_a_failure_or_an_attempt() {
    let provider = Acting {
        bounds: Some(CapacityLimits { max_concurrent: 1, images_per_minute: None }),
        ..Acting::new("openai", Does::Draws)
    };
    let world = World::of(&[&provider]);
    world.fill(&provider).await;

    let job = world.job(|_| {});
    let waiting = world.work(&job).await;
    assert_eq!((waiting.attempts, waiting.failures, waiting.deferrals), (0, 0, 1));
    assert!(waiting.not_before.unwrap() > Timestamp::now());
    assert_eq!((world.store.sent().len(), provider.asked()), (1, 0));
}

#[tokio::test]
async fn retry_after_is_obeyed_by_coming_again_and_for_all_jobs() {
    let provider = Acting::new("openai", Does::Limits(Duration::from_secs(40)));
    let world = World::of(&[&provider]);
    let job = world.work(&world.job(|_| {})).await;
    let wait = job.not_before.unwrap().since(Timestamp::now());
    assert!(wait > Duration::from_secs(38) && job.failures == 0, "{wait:?}");
    let other = world.work(&world.job(|_| {})).await;
    assert!(other.not_before.unwrap().since(Timestamp::now()) > Duration::from_secs(38));
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn a_job_cancelled_before_the_call_costs_nothing() {
    let provider = Acting::new("openai", Does::Draws);
    let world = World::of(&[&provider]);
    let job = world.job(|_| {});
    // The row changes between the lease and the call: the write that comes before the call finds out.
    let (store, id) = (Arc::clone(&world.store), job.id);
    *provider.meanwhile.lock().unwrap() = Some(Box::new(move || {
        let mut row = store.job(id).unwrap();
        row.cancel(Timestamp::now()).unwrap();
        row.revision += 1;
        store.put_job(&row);
    }));
    let job = world.work(&job).await;
    assert_eq!((job.status, provider.asked()), (JobStatus::Cancelled, 0));
}

#[tokio::test]
async fn a_provider_that_cannot_be_counted_is_not_asked() {
    let provider = Acting::new("openai", Does::Draws);
    let world = World::of(&[&provider]);
    world.store.fail_next("load_capacity", StoreError::Unavailable("down".into()));
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, job.failures, provider.asked()), (JobStatus::Processing, 0, 0));
}
