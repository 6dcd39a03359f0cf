//! What is paid for is not lost, not paid for twice, and told.

use std::time::Duration;

use domain::images::Count;
use domain::jobs::FailureReason;
use domain::primitives::{Lease, LeaseId};
use domain::providers::{ErrorClass, Reason};
use domain::store::StoreError;
use domain::{Job, JobStatus, Timestamp};
use testkit::Logs;

use crate::world::{Acting, Does, MARGIN, World};

fn down() -> StoreError {
    StoreError::Unavailable("down".into())
}

/// How many calls the metric would count.
fn told(logs: &Logs) -> Vec<u64> {
    logs.with("metric", "possibly_paid").iter().map(|line| line["calls"].as_u64().unwrap()).collect()
}

/// A worker died while this provider was at work for the job.
fn dead_worker(job: &mut Job, provider: &str, calls: u32) {
    let begun = Timestamp::now() - MARGIN;
    job.start(Lease { id: LeaseId::new(), until: begun }, begun).unwrap();
    job.begin_attempt(provider, calls, begun);
}

#[tokio::test]
async fn a_store_that_takes_no_images_is_not_paid_for_without_end() {
    let logs = Logs::begin();
    let provider = Acting::new("openai", Does::Draws);
    let world = World::of(&[&provider]);
    for _ in 0..50 {
        world.store.fail_next("put", down());
    }
    let job = world.work_for(&world.job(|_| {}), Duration::from_millis(1500)).await;
    assert_eq!((job.status, job.failures, provider.asked()), (JobStatus::Processing, 1, 1));
    assert!(job.provider_attempts[0].failure.as_ref().unwrap().possibly_paid);
    assert_eq!(told(&logs), [1]);
}

#[tokio::test]
async fn what_is_under_way_is_kept_while_a_store_of_ours_does_not_answer() {
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

    // At the job's end too: the lease lapses, and the next worker has it.
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
async fn a_salvage_pays_for_nothing() {
    let logs = Logs::begin();
    let wants_more = Acting::new("midjourney", Does::WantsMore);
    let other = Acting::new("openai", Does::Draws);
    // It would cost money to go on; it is not enabled any more.
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
    assert_eq!(told(&logs), [2, 2]);
}

#[tokio::test]
async fn every_call_in_vain_is_counted() {
    let logs = Logs::begin();
    let three = |job: &mut Job| job.picture.count = Count::try_from(3).unwrap();
    // Cut off with three calls under way.
    let world = World::of(&[&Acting::new("openai", Does::Vanishes)]);
    world.work_for(&world.job(three), Duration::from_millis(1500)).await;
    assert_eq!(told(&logs), [3]);
    // A picture that nobody can use.
    let world = World::of(&[&Acting::new("openai", Does::Garbles)]);
    world.work(&world.job(|_| {})).await;
    assert_eq!(told(&logs), [3, 1]);
    // A worker that died with two.
    let world = World::of(&[&Acting::new("openai", Does::Draws)]);
    world.work(&world.job(|job| dead_worker(job, "openai", 2))).await;
    assert_eq!(told(&logs), [3, 1, 2]);
    // A task of which nothing had come when the job's time was up, and nobody was at it.
    let job = world.job(|job| {
        dead_worker(job, "midjourney", 4);
        job.checkpoint("task 7");
        job.lease = None;
        job.deadline = Timestamp::now();
    });
    world.work(&job).await;
    assert_eq!(told(&logs), [3, 1, 2, 4]);
    // What goes well is no such call.
    world.work(&world.job(three)).await;
    assert_eq!(told(&logs).len(), 4);
}

#[tokio::test]
async fn a_refusal_stays_one_whatever_came_beside_it() {
    let first = Acting::new("openai", Does::GarblesAndRefuses);
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&first, &second]);
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, second.asked()), (JobStatus::Failed, 0));
    assert_eq!(job.error.unwrap().reason, FailureReason::Refused);
}

#[tokio::test]
async fn what_was_made_and_cannot_be_had_fails_the_job_by_nobodys_fault() {
    let world = World::of(&[&Acting::new("openai", Does::Fails(ErrorClass::Caller, Reason::BadResponse))]);
    let job = world.work(&world.job(|_| {})).await;
    let error = job.error.unwrap();
    assert_eq!((error.reason, error.retryable), (FailureReason::AttemptsExhausted, true));
}

#[tokio::test]
async fn how_a_try_ended_is_not_forgotten_where_an_answer_of_the_store_was_lost() {
    let first = Acting::new("openai", Does::Fails(ErrorClass::Provider, Reason::Failed));
    let second = Acting::new("stability", Does::Draws);
    let world = World::of(&[&first, &second]);
    let job = world.job(|_| {});
    // Somebody else writes the row while the second is about to be asked.
    let (store, id) = (std::sync::Arc::clone(&world.store), job.id);
    *second.meanwhile.lock().unwrap() = Some(Box::new(move || {
        let mut row = store.job(id).unwrap();
        row.revision += 1;
        store.put_job(&row);
    }));
    let job = world.work(&job).await;
    assert_eq!((job.status, job.attempts, job.paid_calls), (JobStatus::Completed, 2, 2));
    assert_eq!(crate::world::reasons(&job), [("openai", Reason::Failed)]);
}
