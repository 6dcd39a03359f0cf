//! A provider that makes one image a call, however many it is asked for.

use domain::images::Count;
use domain::providers::CapacityStore as _;
use domain::{JobStatus, Timestamp};

use super::world::{Acting, Does, World};

#[tokio::test]
async fn one_image_a_call_is_remembered_and_every_call_is_counted() {
    let provider = Acting::new("openai", Does::IgnoresCount);
    let world = World::of(&[&provider]);
    for known in [false, true] {
        let capacity = world.store.load_capacity("openai").await.unwrap();
        assert_eq!(capacity.makes_one_per_call(Timestamp::now()), known);
        let job = world.job(|job| job.picture.count = Count::try_from(4).unwrap());
        let done = world.work(&job).await;
        assert_eq!((done.status, done.paid_calls, done.attempts), (JobStatus::Completed, 4, 1), "{known}");
        assert_eq!(done.provider_attempts[0].calls, 4, "{known}");
    }
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn provider_that_makes_all_images_is_not_remembered() {
    let provider = Acting::new("openai", Does::Draws);
    let world = World::of(&[&provider]);
    world.work(&world.job(|job| job.picture.count = Count::try_from(2).unwrap())).await;
    let capacity = world.store.load_capacity("openai").await.unwrap();
    assert!(!capacity.makes_one_per_call(Timestamp::now()));
}
