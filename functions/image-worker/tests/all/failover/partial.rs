//! Jobs some of whose images can no longer be had.

use std::time::Duration;

use domain::images::{Count, ImageFormat, ImageOrigin, ImageStore as _};
use domain::jobs::{FailureReason, JobError, WebhookEvent};
use domain::primitives::{Lease, LeaseId};
use domain::providers::{ErrorClass, Reason};
use domain::{Job, JobStatus, Timestamp};

use super::world::{Acting, Does, MARGIN, World};

fn four(job: &mut Job) {
    job.picture.count = Count::try_from(4).unwrap();
}

/// Checks that the job ended with three of four images, and returns the error beside them.
fn three_of_four(world: &World, job: Job) -> JobError {
    let (result, error) = (job.result.unwrap(), job.error.unwrap());
    assert_eq!((job.status, result.images.len(), result.cost_micros), (JobStatus::Completed, 3, 15));
    assert_eq!((error.missing, result.warnings == error.warnings), (1, true));
    assert!(error.message.starts_with("1 of 4 images could not be made: "), "{}", error.message);
    let ending = world.store.deliveries().pop().unwrap();
    assert_eq!((ending.event, ending.snapshot.status), (WebhookEvent::Completed, JobStatus::Completed));
    assert_eq!(
        (ending.snapshot.result.unwrap().images.len(), ending.snapshot.error.unwrap()),
        (3, error.clone())
    );
    error
}

#[tokio::test]
async fn refusal_of_the_fourth_image_leaves_the_three_that_are_paid_for() {
    let provider = Acting::new("openai", Does::DrawsThenFails(3, ErrorClass::Caller, Reason::Moderated));
    let world = World::of(&[&provider]);
    let error = three_of_four(&world, world.work(&world.job(four)).await);
    assert_eq!((error.reason, error.retryable, error.warnings.len()), (FailureReason::Refused, false, 1));
}

#[tokio::test]
async fn lost_fourth_image_leaves_the_three_that_are_paid_for() {
    let provider = Acting::new("openai", Does::DrawsThenFails(3, ErrorClass::Caller, Reason::BadResponse));
    let world = World::of(&[&provider]);
    let error = three_of_four(&world, world.work(&world.job(four)).await);
    assert_eq!((error.reason, error.retryable), (FailureReason::AttemptsExhausted, true));
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn fourth_image_that_never_comes_leaves_the_three_that_are_paid_for() {
    let provider = Acting::new("openai", Does::DrawsThenFails(3, ErrorClass::Provider, Reason::Failed));
    let world = World::of(&[&provider]);
    let job = world.job(four);
    world.work(&job).await;
    provider.now_does(Does::Fails(ErrorClass::Provider, Reason::BadResponse));
    world.work_again(&job).await;
    let error = three_of_four(&world, world.work_again(&job).await);
    assert_eq!((error.reason, provider.asked()), (FailureReason::AttemptsExhausted, 3));
}

#[tokio::test]
async fn deadline_leaves_the_images_of_a_released_job() {
    let provider = Acting::new("openai", Does::DrawsThenFails(3, ErrorClass::Provider, Reason::Failed));
    let world = World::of(&[&provider]);
    let job = world.job(four);
    let released = world.work(&job).await;
    assert_eq!((released.status, released.lease), (JobStatus::Processing, None));
    world.store.put_job(&Job { deadline: Timestamp::now(), ..released });
    let error = three_of_four(&world, world.work_again(&job).await);
    assert_eq!((error.reason, provider.asked()), (FailureReason::DeadlineExceeded, 1));
}

#[tokio::test]
async fn images_of_a_dead_worker_are_part_of_the_result() {
    let refuses = Acting::new("openai", Does::Fails(ErrorClass::Caller, Reason::Moderated));
    for (change, reason, asked) in [
        ((|_| {}) as fn(&mut Job), FailureReason::Refused, 1),
        (|job| job.failures = 4, FailureReason::AttemptsExhausted, 1),
        (|job| job.deadline = Timestamp::now(), FailureReason::DeadlineExceeded, 1),
    ] {
        let world = World::of(&[&refuses]);
        let job = world.job(|job| {
            four(job);
            let begun = Timestamp::now() - MARGIN;
            job.start(Lease { id: LeaseId::new(), until: begun }, begun).unwrap();
            job.begin_attempt("openai", 1, begun);
            change(job);
        });
        for index in 0..3 {
            let origin = ImageOrigin { provider: "openai".into(), cost_micros: 5, ..Default::default() };
            let key = format!("images/{}/{index}.png", job.storage_prefix);
            let bytes = testkit::an_image(256, 256).into();
            world.store.put(&key, bytes, ImageFormat::Png, Some(&origin)).await.unwrap();
        }
        let error = three_of_four(&world, world.work_for(&job, Duration::from_secs(60)).await);
        assert_eq!((error.reason, refuses.asked()), (reason, asked));
    }
}
