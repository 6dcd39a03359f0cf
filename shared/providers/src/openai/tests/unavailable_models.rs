//! Models that are gone, and the operator's next ones.

use domain::providers::{ErrorClass, Reason};
use testkit::standin::openai::Act;

use super::*;

#[tokio::test]
async fn model_that_is_gone_is_replaced_by_the_next() {
    let stand_in = StandIn::start().await;
    stand_in.withdraw("gpt-image-1.5");
    let settings = json!({"models": {"gpt_image": ["gpt-image-1.5", "gpt-image-2.5-flare"]}});
    let (kept, made) = make(&stand_in, &settings, square(1)).await;
    made.unwrap();
    assert_eq!(kept.images()[0].1.origin.model, "gpt-image-2.5-flare");
    assert_eq!((stand_in.refusals().len(), stand_in.paid_calls()), (1, 1));
    stand_in.withdraw("gpt-image-2.5-flare");
    let (_, made) = make(&stand_in, &settings, square(1)).await;
    let failure = made.unwrap_err();
    assert_eq!((failure.class, failure.reason), (ErrorClass::Operator, Reason::ModelGone));
}

/// OpenAI's answer for a model that was shut down.
fn gone() -> Act {
    let message = "The model 'x' does not exist.";
    Act::error(400, &json!({"message": message, "type": "image_generation_user_error", "code": null}))
}

/// The provider that asks for `second` if `first` is gone.
fn with_two_models(stand_in: &StandIn, first: &str, second: &str, concurrency: u32) -> OpenAi {
    let settings = json!({"models": {"gpt_image": [first, second]}, "concurrency": concurrency});
    provider(&stand_in.base_url(), &settings)
}

#[tokio::test]
async fn model_gone_between_calls_is_replaced_for_the_rest() {
    for concurrency in [1, 3] {
        let stand_in = StandIn::start().await;
        stand_in.next(Act::NoUsage).next(gone());
        let openai = with_two_models(&stand_in, "dall-e-3", "gpt-image-2", concurrency);
        let (task, kept) = (image_task(square(3)), Kept::default());
        let planned = openai.max_paid_calls(&task) as usize;
        openai.generate(&task, &kept).await.unwrap();
        let mut indexes: Vec<_> = kept.images().iter().map(|(index, _)| *index).collect();
        indexes.sort_unstable();
        assert_eq!(indexes, [0, 1, 2], "each once");
        assert_eq!(stand_in.paid_pictures(), 3);
        assert!(stand_in.paid_calls() <= planned, "{} of {planned}", stand_in.paid_calls());
        // From now on the other one is asked at once.
        assert_eq!(openai.max_paid_calls(&task), 1);
        let asked = stand_in.requests().len();
        openai.generate(&task, &Kept::default()).await.unwrap();
        let models: Vec<_> = stand_in.requests().drain(asked..).map(|body| body["model"].clone()).collect();
        assert_eq!(models, ["gpt-image-2"]);
    }
}

#[tokio::test]
async fn next_model_makes_at_most_the_planned_calls() {
    let stand_in = StandIn::start().await;
    stand_in.withdraw("gpt-image-2");
    let openai = with_two_models(&stand_in, "gpt-image-2", "dall-e-3", 4);
    let (mut task, kept) = (image_task(square(3)), Kept::default());
    let mut planned = openai.max_paid_calls(&task) as usize;
    let failure = openai.generate(&task, &kept).await.unwrap_err();
    assert_eq!(
        (failure.class, kept.images().len()),
        (ErrorClass::Internal, 1),
        "the rest is another attempt"
    );
    assert_eq!((stand_in.paid_calls(), planned), (1, 1));
    task.missing.retain(|index| kept.images().iter().all(|(kept, _)| kept != index));
    planned += openai.max_paid_calls(&task) as usize;
    openai.generate(&task, &kept).await.unwrap();
    assert_eq!((kept.images().len(), stand_in.paid_calls(), planned), (3, 3, 3));
}

#[tokio::test]
async fn other_errors_come_before_a_model_that_is_gone() {
    let stand_in = StandIn::start().await;
    let limited = json!({"message": "slow", "type": "requests", "code": "rate_limit_exceeded"});
    stand_in.next(gone()).next(Act::error(429, &limited));
    let openai = with_two_models(&stand_in, "dall-e-3", "gpt-image-2", 2);
    let task = image_task(square(2));
    let failure = openai.generate(&task, &Kept::default()).await.unwrap_err();
    assert_eq!((failure.reason, stand_in.requests().len()), (Reason::RateLimited, 2));
    assert_eq!(openai.max_paid_calls(&task), 1, "the next attempt asks the other model");
}
