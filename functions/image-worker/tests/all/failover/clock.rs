//! The last look at the clock before money is spent.

use std::time::Duration;

use domain::providers::CapacityStore as _;
use domain::store::StoreError;
use domain::{JobStatus, Timestamp};

use super::world::{Acting, Does, World};

#[tokio::test]
async fn provider_is_not_called_after_the_cut_off() {
    let provider = Acting::new("openai", Does::Draws);
    let world = World::of(&[&provider]);
    let job = world.job(|_| {});
    // The store refuses the write of the attempt for 3.1 s; a call is cut off 3 s after the start.
    let store = std::sync::Arc::clone(&world.store);
    *provider.meanwhile.lock().unwrap() = Some(Box::new(move || {
        for _ in 0..5 {
            store.fail_next("save", StoreError::Unavailable("down".into()));
        }
    }));
    let waiting = world.work_for(&job, Duration::from_secs(4)).await;
    assert_eq!((provider.asked(), waiting.attempts, waiting.paid_calls), (0, 0, 0));
    assert_eq!((waiting.status, waiting.failures, waiting.lease), (JobStatus::Processing, 0, None));
    assert!(waiting.provider_attempts.is_empty());
    // Its permit is free again.
    assert_eq!(world.work_again(&job).await.status, JobStatus::Completed);
    assert_eq!((provider.asked(), world.store.job(job.id).unwrap().attempts), (1, 1));
}

#[tokio::test]
async fn provider_is_not_called_with_less_time_than_a_call_usually_takes() {
    let provider = Acting::new("openai", Does::Draws);
    let world = World::of(&[&provider]);
    let mut capacity = world.store.load_capacity("openai").await.unwrap();
    capacity.usual.record("automatic-1", Duration::from_secs(20));
    world.store.save_capacity(&mut capacity).await.unwrap();
    // Ten seconds are left of the job's time, and a minute of the worker's.
    let job = world.job(|job| job.deadline = Timestamp::now() + Duration::from_secs(10));
    let waiting = world.work(&job).await;
    assert_eq!((provider.asked(), waiting.attempts, waiting.failures), (0, 0, 0));
    let job = world.job(|job| job.deadline = Timestamp::now() + Duration::from_secs(25));
    assert_eq!(world.work(&job).await.status, JobStatus::Completed);
    // A worker's whole time is enough for any call.
    let job = world.job(|_| {});
    assert_eq!(world.work_for(&job, Duration::from_secs(12)).await.status, JobStatus::Completed);
}

#[tokio::test]
async fn successful_calls_tell_how_long_they_usually_take() {
    let provider = Acting::new("openai", Does::Draws);
    let world = World::of(&[&provider]);
    world.work(&world.job(|_| {})).await;
    let usual = world.store.load_capacity("openai").await.unwrap().usual;
    assert!(usual.of("automatic-1").is_some());
    assert_eq!(usual.of("automatic-2"), None);
}
