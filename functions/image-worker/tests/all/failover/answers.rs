//! Answers that are of no use: who they are held against, and how often they are paid for.

use domain::JobStatus;
use domain::images::Count;
use domain::jobs::FailureReason;
use domain::providers::{CapacityStore as _, ErrorClass, Reason};

use super::world::{Acting, Does, World, reasons};

#[tokio::test]
async fn second_answer_without_an_image_is_the_callers() {
    let empty = Acting::new("openai", Does::Fails(ErrorClass::Provider, Reason::NoImage));
    let world = World::of(&[&empty]);
    let job = world.job(|_| {});
    assert_eq!(world.work(&job).await.status, JobStatus::Processing);
    let ended = world.work_again(&job).await;
    let error = ended.error.unwrap();
    assert_eq!((ended.status, empty.asked()), (JobStatus::Failed, 2));
    assert_eq!((error.reason, error.retryable), (FailureReason::Refused, false));
}

#[tokio::test]
async fn same_unreadable_answer_twice_ends_the_attempts() {
    for does in [Does::Fails(ErrorClass::Provider, Reason::BadResponse), Does::Garbles] {
        let garbage = Acting::new("openai", does);
        let world = World::of(&[&garbage]);
        let job = world.job(|_| {});
        world.work(&job).await;
        let ended = world.work_again(&job).await;
        let error = ended.error.unwrap();
        assert_eq!((ended.status, garbage.asked()), (JobStatus::Failed, 2));
        // The job is not at fault: later, the provider may answer sensibly.
        assert_eq!((error.reason, error.retryable), (FailureReason::AttemptsExhausted, true));
    }
}

#[tokio::test]
async fn useless_answers_leave_the_other_providers_to_the_job() {
    let garbage = Acting::new("openai", Does::Fails(ErrorClass::Provider, Reason::BadResponse));
    let failing = Acting::new("stability", Does::Fails(ErrorClass::Provider, Reason::Failed));
    let world = World::of(&[&garbage, &failing]);
    let job = world.job(|_| {});
    world.work(&job).await;
    for _ in 0..2 {
        world.work_again(&job).await;
    }
    assert_eq!((garbage.asked(), failing.asked()), (2, 3));
    failing.now_does(Does::Draws);
    let done = world.work_again(&job).await;
    assert_eq!((done.status, garbage.asked()), (JobStatus::Completed, 2));
}

#[tokio::test]
async fn answer_with_an_image_is_not_useless() {
    for does in [Does::DrawsThenFails(1, ErrorClass::Provider, Reason::NoImage), Does::DrawsOne] {
        let one = Acting::new("openai", does);
        let world = World::of(&[&one]);
        let job = world.job(|job| job.picture.count = Count::try_from(4).unwrap());
        world.work(&job).await;
        for _ in 0..2 {
            world.work_again(&job).await;
        }
        one.now_does(Does::Draws);
        assert_eq!(world.work_again(&job).await.status, JobStatus::Completed);
        assert_eq!(one.asked(), 4);
    }
}

#[tokio::test]
async fn useless_answer_beside_images_is_one_of_the_two_that_are_paid() {
    for reason in [Reason::NoImage, Reason::BadResponse] {
        let useless = Acting::new("openai", Does::BringsThenNothing(3, reason));
        let world = World::of(&[&useless]);
        let job = world.job(|job| job.picture.count = Count::try_from(4).unwrap());
        let first = world.work(&job).await;
        assert_eq!((first.status, first.paid_calls), (JobStatus::Processing, 2));
        let ended = world.work_again(&job).await;
        assert_eq!((ended.status, useless.asked(), ended.paid_calls), (JobStatus::Completed, 2, 3));
        assert_eq!((ended.result.unwrap().images.len(), ended.error.unwrap().missing), (3, 1));
    }
}

#[tokio::test]
async fn answers_about_prompts_never_close_a_provider() {
    for reason in [Reason::NoImage, Reason::BadResponse] {
        let provider = Acting::new("openai", Does::Fails(ErrorClass::Provider, reason));
        let world = World::of(&[&provider]);
        for _ in 0..6 {
            world.work(&world.job(|_| {})).await;
        }
        provider.now_does(Does::Draws);
        assert_eq!(world.work(&world.job(|_| {})).await.status, JobStatus::Completed, "{reason:?}");
    }
}

#[tokio::test]
async fn gateway_that_gave_up_is_given_time_before_the_next_payment() {
    let gateway = Acting::new("openai", Does::Fails(ErrorClass::Provider, Reason::GatewayTimeout));
    let world = World::of(&[&gateway]);
    let waiting = world.work(&world.job(|_| {})).await;
    let pause = waiting.not_before.unwrap().since(domain::Timestamp::now());
    assert!(pause >= domain::providers::GATEWAY_PAUSE - super::world::MARGIN / 10, "{pause:?}");
    assert_eq!(reasons(&waiting), [("openai", Reason::GatewayTimeout)]);
    // Meanwhile another provider may be asked.
    let other = Acting::new("stability", Does::Draws);
    let world = World::of(&[&gateway, &other]);
    assert_eq!(world.work(&world.job(|_| {})).await.status, JobStatus::Completed);
    assert_eq!(world.store.load_capacity("openai").await.unwrap().reservation(), None);
}
