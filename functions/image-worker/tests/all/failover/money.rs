//! Paid images are not lost and not paid for twice, and calls without a result are counted.

use std::time::Duration;

use domain::images::Count;
use domain::jobs::FailureReason;
use domain::primitives::{Lease, LeaseId};
use domain::providers::{ErrorClass, Reason};
use domain::store::StoreError;
use domain::{Job, JobStatus, Timestamp};
use testkit::Logs;

use super::world::{Acting, Does, MARGIN, World};

fn down() -> StoreError {
    StoreError::Unavailable("down".into())
}

/// The numbers of calls that the metric `PossiblyPaid` counts.
fn possibly_paid(logs: &Logs) -> Vec<u64> {
    logs.with("metric", "possibly_paid").iter().map(|line| line["calls"].as_u64().unwrap()).collect()
}

/// The state of a job whose worker died while `provider` was working for it.
fn dead_worker(job: &mut Job, provider: &str, calls: u32) {
    let begun = Timestamp::now() - MARGIN;
    job.start(Lease { id: LeaseId::new(), until: begun }, begun).unwrap();
    job.begin_attempt(provider, calls, begun);
}

#[tokio::test]
async fn unwritable_image_store_counts_as_failure() {
    let logs = Logs::begin();
    let provider = Acting::new("openai", Does::Draws);
    let world = World::of(&[&provider]);
    for _ in 0..50 {
        world.store.fail_next("put", down());
    }
    let job = world.work_for(&world.job(|_| {}), Duration::from_millis(1500)).await;
    assert_eq!((job.status, job.failures, provider.asked()), (JobStatus::Processing, 1, 1));
    assert!(job.provider_attempts[0].failure.as_ref().unwrap().possibly_paid);
    assert_eq!(possibly_paid(&logs), [1]);
}

#[tokio::test]
async fn pending_task_survives_an_unavailable_image_store() {
    let provider = Acting::new("stability", Does::NotesAndDraws);
    let world = World::of(&[&provider]);
    for _ in 0..50 {
        world.store.fail_next("put", down());
    }
    let job = world.job(|_| {});
    let waiting = world.work_for(&job, Duration::from_millis(1500)).await;
    assert_eq!((waiting.failures, waiting.handle.is_some()), (0, true));
    world.store.forget_failures();
    let done = world.work_again(&job).await;
    assert_eq!((done.status, done.paid_calls, provider.asked()), (JobStatus::Completed, 1, 2));

    // The same after the job's deadline: the lease lapses, and the next worker recovers the task.
    let job = world.job(|job| {
        dead_worker(job, "stability", 1);
        job.checkpoint("task 7");
        job.deadline = Timestamp::now();
    });
    for _ in 0..50 {
        world.store.fail_next("put", down());
    }
    world.message(&job, Duration::from_millis(1500)).await.unwrap_err();
    let row = world.store.job(job.id).unwrap();
    assert!(!row.status.ended() && row.handle.is_some() && row.lease.is_some());
}

#[tokio::test]
async fn recovery_makes_no_paid_call() {
    let logs = Logs::begin();
    let wants_more = Acting::new("midjourney", Does::WantsMore);
    let other = Acting::new("openai", Does::Draws);
    // First case: continuing would cost money. Second case: the provider is no longer enabled.
    for providers in [vec![&wants_more, &other], vec![&other]] {
        let world = World::of(&providers);
        let job = world.job(|job| {
            dead_worker(job, "midjourney", 2);
            job.checkpoint("task 7");
            job.deadline = Timestamp::now();
        });
        let ended = world.work(&job).await;
        let reason = ended.error.as_ref().unwrap().reason;
        assert_eq!((ended.status, reason), (JobStatus::Failed, FailureReason::DeadlineExceeded));
        assert_eq!((ended.paid_calls, wants_more.asked(), other.asked()), (2, 0, 0));
    }
    assert_eq!(possibly_paid(&logs), [2, 2]);
}

#[tokio::test]
async fn every_possibly_paid_call_is_counted() {
    let logs = Logs::begin();
    let three = |job: &mut Job| job.picture.count = Count::try_from(3).unwrap();
    // A provider is cut off during three calls.
    let world = World::of(&[&Acting::new("openai", Does::Vanishes)]);
    world.work_for(&world.job(three), Duration::from_millis(1500)).await;
    assert_eq!(possibly_paid(&logs), [3]);
    // An unusable image.
    let world = World::of(&[&Acting::new("openai", Does::Garbles)]);
    world.work(&world.job(|_| {})).await;
    assert_eq!(possibly_paid(&logs), [3, 1]);
    // A worker that died during two calls.
    let world = World::of(&[&Acting::new("openai", Does::Draws)]);
    world.work(&world.job(|job| dead_worker(job, "openai", 2))).await;
    assert_eq!(possibly_paid(&logs), [3, 1, 2]);
    // A pending task without a result when the job expires, with no worker running.
    let job = world.job(|job| {
        dead_worker(job, "midjourney", 4);
        job.checkpoint("task 7");
        job.lease = None;
        job.deadline = Timestamp::now();
    });
    world.work(&job).await;
    assert_eq!(possibly_paid(&logs), [3, 1, 2, 4]);
    // A successful call is not counted.
    world.work(&world.job(three)).await;
    assert_eq!(possibly_paid(&logs).len(), 4);
}

#[tokio::test]
async fn refusal_with_an_unusable_image_stays_a_refusal() {
    let first = Acting::new("openai", Does::GarblesAndRefuses);
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&first, &second]);
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, second.asked()), (JobStatus::Failed, 0));
    assert_eq!(job.error.unwrap().reason, FailureReason::Refused);
}

#[tokio::test]
async fn unfetchable_images_fail_the_job_as_exhausted() {
    let world = World::of(&[&Acting::new("openai", Does::Fails(ErrorClass::Caller, Reason::BadResponse))]);
    let job = world.work(&world.job(|_| {})).await;
    let error = job.error.unwrap();
    assert_eq!((error.reason, error.retryable), (FailureReason::AttemptsExhausted, true));
}

#[tokio::test]
async fn attempt_outcome_survives_a_conflict() {
    let first = Acting::new("openai", Does::Fails(ErrorClass::Provider, Reason::Failed));
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&first, &second]);
    let job = world.job(|_| {});
    // Another function writes the row just before the second provider is called.
    let (store, id) = (std::sync::Arc::clone(&world.store), job.id);
    *second.meanwhile.lock().unwrap() = Some(Box::new(move || {
        let mut row = store.job(id).unwrap();
        row.revision += 1;
        store.put_job(&row);
    }));
    let job = world.work(&job).await;
    assert_eq!((job.status, job.attempts, job.paid_calls), (JobStatus::Completed, 2, 2));
    assert_eq!(super::world::reasons(&job), [("openai", Reason::Failed)]);
}
