//! Which providers a worker calls, in which order, and what it records about the calls.

use std::sync::Arc;
use std::time::Duration;

use domain::images::{Count, ProviderChoice};
use domain::jobs::FailureReason;
use domain::primitives::{Lease, LeaseId, Priority};
use domain::providers::{CapacityLimits, ErrorClass, Reason};
use domain::store::StoreError;
use domain::{Job, JobStatus, Timestamp};
use testkit::Sent;

use super::world::{Acting, Does, MARGIN, World, reasons};

#[tokio::test]
async fn automatic_fails_over_on_transient_and_operator_errors() {
    for (class, reason) in [
        (ErrorClass::Provider, Reason::Failed),
        (ErrorClass::Operator, Reason::QuotaExhausted),
        (ErrorClass::Capacity, Reason::RateLimited),
    ] {
        let (first, second) =
            (Acting::new("openai", Does::Fails(class, reason)), Acting::new("stability", Does::Draws));
        let world = World::of(&[&first, &second]);
        let job = world.work(&world.job(|_| {})).await;
        assert_eq!((job.status, job.attempts, job.failures), (JobStatus::Completed, 2, 0), "{class:?}");
        assert_eq!(job.result.as_ref().unwrap().provider, "stability");
        assert_eq!(reasons(&job), [("openai", reason)]);
        assert_eq!(job.paid_calls, 2);
    }
}

#[tokio::test]
async fn refusal_fails_the_job_without_failover() {
    let first = Acting::new("openai", Does::Fails(ErrorClass::Caller, Reason::Moderated));
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&first, &second]);
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, second.asked()), (JobStatus::Failed, 0));
    let error = job.error.unwrap();
    assert_eq!((error.reason, error.retryable), (FailureReason::Refused, false));
}

#[tokio::test]
async fn unsupported_request_fails_over() {
    let cannot = || Acting::new("openai", Does::Fails(ErrorClass::Caller, Reason::Unsupported));
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&cannot(), &second]);
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, second.asked()), (JobStatus::Completed, 1));

    second.now_does(Does::Fails(ErrorClass::Provider, Reason::Failed));
    let world = World::of(&[&cannot(), &second]);
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, job.failures), (JobStatus::Processing, 1), "the other may still succeed");
    let world = World::of(&[&cannot()]);
    assert_eq!(world.work(&world.job(|_| {})).await.status, JobStatus::Failed);
}

#[tokio::test]
async fn requested_provider_is_the_only_candidate() {
    let first = Acting::new("openai", Does::Fails(ErrorClass::Provider, Reason::Failed));
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&first, &second]);
    let job = world.work(&world.job(|job| job.picture.provider = ProviderChoice::GptImage)).await;
    assert_eq!((job.status, job.failures, second.asked()), (JobStatus::Processing, 1, 0));
}

#[tokio::test]
async fn failover_generates_only_missing_images() {
    let first = Acting::new("openai", Does::DrawsOne);
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&first, &second]);
    let job = world.work(&world.job(|job| job.picture.count = Count::try_from(3).unwrap())).await;
    let result = job.result.unwrap();
    let providers: Vec<_> = result.images.iter().map(|image| image.origin.provider.as_str()).collect();
    assert_eq!((providers, result.cost_micros), (vec!["openai", "stability", "stability"], 15));
}

#[tokio::test]
async fn provider_that_failed_the_job_comes_last() {
    let first = Acting::new("openai", Does::Vanishes);
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&first, &second]);
    let job = world.job(|_| {});
    // The first provider uses up all the time, and was possibly paid.
    let waiting = world.work_for(&job, Duration::from_millis(1600)).await;
    assert_eq!((waiting.status, waiting.failures, second.asked()), (JobStatus::Processing, 1, 0));
    let failure = waiting.provider_attempts[0].failure.clone().unwrap();
    assert_eq!((failure.reason, failure.possibly_paid), (Reason::Timeout, true));
    let job = world.work_again(&job).await;
    assert_eq!((job.status, first.asked(), second.asked()), (JobStatus::Completed, 1, 1));
}

#[tokio::test]
async fn unsupporting_provider_is_skipped_and_none_left_fails() {
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
async fn pending_task_is_polled_with_its_checkpoint() {
    let provider = Acting::new("stability", Does::WorksOn);
    let world = World::of(&[&provider]);
    let job = world.job(|job| job.priority = Priority::Low);
    let waiting = world.work(&job).await;
    assert_eq!((waiting.status, waiting.failures, waiting.paid_calls), (JobStatus::Processing, 0, 1));
    assert_eq!(waiting.handle.as_ref().unwrap().checkpoint, "task 7");
    assert!(matches!(world.store.sent()[..], [Sent::Job(_, _, delay)] if delay <= Duration::from_secs(4)));
    // Its permit is held while no worker runs for it.
    let full = world.work(&world.job(|job| job.priority = Priority::Low)).await;
    assert_eq!((full.attempts, full.deferrals), (0, 1));

    provider.now_does(Does::Draws);
    let done = world.work_again(&job).await;
    assert_eq!((done.status, done.attempts, done.paid_calls), (JobStatus::Completed, 1, 1));
    assert_eq!(done.handle, None);
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn pending_task_that_is_cut_off_is_not_paid_again() {
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
async fn pending_task_of_dead_worker_is_not_paid_again() {
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
async fn job_without_permit_is_deferred_without_an_attempt() {
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
async fn retry_after_delays_this_and_all_other_jobs() {
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
async fn job_cancelled_before_the_call_costs_nothing() {
    let provider = Acting::new("openai", Does::Draws);
    let world = World::of(&[&provider]);
    let job = world.job(|_| {});
    // The row changes between the lease and the call; the write before the call detects it.
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
async fn provider_with_unreadable_capacity_is_not_called() {
    let provider = Acting::new("openai", Does::Draws);
    let world = World::of(&[&provider]);
    world.store.fail_next("load_capacity", StoreError::Unavailable("down".into()));
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, job.failures, provider.asked()), (JobStatus::Processing, 0, 0));
}
