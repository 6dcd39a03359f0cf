//! Answers, complete or not.

use std::time::Duration;

use domain::Timestamp;
use domain::images::Style;
use domain::providers::{ErrorClass, Reason};
use pictures::decode::decode;
use proptest::prelude::*;
use testkit::standin::Reply;
use testkit::standin::openai::Act;

use super::*;
use crate::openai::answer::Answer;
use crate::openai::error::{self, ApiError};

const LOCAL: &str = "flux.1-schnell";

fn local() -> Value {
    json!({"models": {"gpt_image": LOCAL}, "dialect": "local"})
}

#[tokio::test]
async fn images_have_their_origin() {
    let stand_in = StandIn::start().await;
    let (kept, made) = make(&stand_in, &json!({}), square(2)).await;
    made.unwrap();
    let images = kept.images();
    for (_, image) in &images {
        assert_eq!(decode(&image.bytes).map(|seen| (seen.width, seen.height)).unwrap(), (1024, 1024));
        assert_eq!((image.origin.provider.as_str(), image.origin.model.as_str()), ("openai", "gpt-image-2"));
        assert_eq!((image.origin.revised_prompt.as_deref(), image.origin.seed), (None, None));
    }
    assert_ne!(images[0].1.bytes, images[1].1.bytes);
    let dalle = json!({"models": {"gpt_image": "dall-e-3"}});
    let (kept, _) = make(&stand_in, &dalle, square(1)).await;
    let revised = format!("A finely detailed picture: {PROMPT}");
    assert_eq!(kept.images()[0].1.origin.revised_prompt.as_deref(), Some(revised.as_str()));
}

#[tokio::test]
async fn changed_prompt_is_the_revised_prompt() {
    let stand_in = StandIn::start().await;
    let styled = Picture { style: Some(Style::Natural), ..square(1) };
    let barred = Picture { prompt: Prompt::try_from("a kite | a dune".to_owned()).unwrap(), ..square(1) };
    for (settings, picture, begin) in [(json!({}), styled, PROMPT), (local(), barred, "a kite / a dune")] {
        let (kept, made) = make(&stand_in, &settings, picture).await;
        made.unwrap();
        let sent = stand_in.requests().pop().unwrap()["prompt"].as_str().unwrap().to_owned();
        assert!(sent.starts_with(begin), "{sent}");
        assert_eq!(kept.images()[0].1.origin.revised_prompt, Some(sent));
    }
}

#[tokio::test]
async fn cost_is_by_usage_or_else_by_the_table() {
    let stand_in = StandIn::start().await;
    let costs = async |settings: Value, picture: Picture| {
        let (kept, made) = make(&stand_in, &settings, picture).await;
        made.unwrap();
        kept.images().iter().map(|(_, image)| image.origin.cost_micros).collect::<Vec<_>>()
    };
    // Twice 1756 tokens at 30 micros and five words at 5, in two parts.
    assert_eq!(costs(json!({}), square(2)).await, [52_693, 52_692]);
    stand_in.next(Act::NoUsage);
    assert_eq!(costs(json!({}), square(2)).await, [53_000, 53_000]);
    let hd = Picture { quality: Quality::Hd, ..picture(ProviderChoice::Dalle3, Size::Wide1792, 2) };
    assert_eq!(costs(json!({"models": {"dalle3": "dall-e-3"}}), hd).await, [120_000, 120_000]);
    assert_eq!(costs(local(), square(1)).await, [0]);
}

#[tokio::test]
async fn url_of_the_service_is_fetched() {
    let stand_in = StandIn::start().await;
    let (kept, made) = make(stand_in.always(Some(Act::ByUrl)), &local(), square(2)).await;
    made.unwrap();
    assert_eq!(kept.images().len(), 2);
    assert_eq!(stand_in.fetches().len(), 2);
    assert!(kept.images().iter().all(|(_, image)| decode(&image.bytes).is_ok()));
}

#[tokio::test]
async fn url_that_every_policy_forbids_is_not_fetched() {
    let stand_in = StandIn::start().await;
    for url in ["http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "http://[::1"] {
        let failure = failure(stand_in.next(Act::ByForeignUrl(url.to_owned()))).await;
        assert_eq!((failure.class, failure.possibly_paid), (ErrorClass::Provider, true), "{url}");
    }
}

#[tokio::test]
async fn failed_download_is_repeated_without_another_paid_call() {
    let stand_in = StandIn::start().await;
    stand_in.always(Some(Act::ByUrl)).cannot_be_fetched(3);
    let mut task = image_task(square(2));
    let openai = provider(&stand_in.base_url(), &local());
    assert_eq!(openai.max_paid_calls(&task), 2);
    let kept = Kept::default();
    for attempt in 0..2 {
        let step = openai.generate(&task, &kept).await.unwrap();
        assert!(matches!(step, Step::Pending { .. }), "{attempt}: {step:?}");
        task.handle = kept.notes().last().cloned();
        task.missing.retain(|index| kept.images().iter().all(|(kept, _)| kept != index));
        assert_eq!(openai.max_paid_calls(&task), 0);
    }
    // The first image was fetched in the second step, and is not fetched again.
    assert_eq!(task.missing.len(), 1);
    let step = openai.generate(&task, &kept).await.unwrap();
    assert!(matches!(step, Step::Finished(_)), "{step:?}");
    let mut indexes: Vec<_> = kept.images().iter().map(|(index, _)| *index).collect();
    indexes.sort_unstable();
    assert_eq!((indexes, stand_in.paid_calls(), stand_in.fetches().len()), (vec![0, 1], 2, 5));
}

#[tokio::test]
async fn pending_image_is_fetched_before_a_failed_call_is_repeated() {
    let stand_in = StandIn::start().await;
    let busy = json!({"message": "busy", "type": "server_error", "param": null, "code": null});
    stand_in.next(Act::ByUrl).next(Act::error(503, &busy)).cannot_be_fetched(1);
    let mut task = image_task(square(2));
    let openai = provider(&stand_in.base_url(), &local());
    let kept = Kept::default();
    let step = openai.generate(&task, &kept).await.unwrap();
    assert!(matches!(step, Step::Pending { .. }), "{step:?}");
    task.handle = kept.notes().pop();
    let failure = openai.generate(&task, &kept).await.unwrap_err();
    assert_eq!((failure.class, failure.possibly_paid), (ErrorClass::Internal, false));
    assert_eq!((kept.images().len(), stand_in.paid_calls()), (1, 1));
}

#[tokio::test]
async fn data_url_is_not_in_the_checkpoint() {
    let stand_in = StandIn::start().await;
    let act = Act::Item(|picture| json!({"url": format!("data:image/png;base64,{picture}")}));
    let (kept, made) = make(stand_in.next(act), &local(), square(1)).await;
    made.unwrap();
    assert_eq!((kept.images().len(), kept.notes()), (1, Vec::<String>::new()));
}

#[tokio::test]
async fn answer_without_any_picture_fails() {
    for (act, reason) in [
        (Act::None, Reason::NoImage),
        (Act::EmptyItems, Reason::NoImage),
        (Act::BadBase64, Reason::BadResponse),
        (Act::NoPicture, Reason::BadResponse),
    ] {
        let stand_in = StandIn::start().await;
        let (sink, made) = make(stand_in.next(act.clone()), &json!({}), square(3)).await;
        let failure = made.unwrap_err();
        assert_eq!((failure.class, failure.reason), (ErrorClass::Provider, reason), "{act:?}");
        assert!(failure.possibly_paid && sink.images().is_empty(), "{act:?}");
        assert_eq!((stand_in.paid_calls(), sink.more_calls()), (1, Vec::new()), "{act:?}");
    }
}

#[tokio::test]
async fn rest_of_a_short_answer_is_asked_for_at_once() {
    for (act, expected) in
        [(Act::OneLess, (1, false)), (Act::EmptyLast, (1, false)), (Act::OneOfSeveral, (2, true))]
    {
        let stand_in = StandIn::start().await;
        let (kept, made) = make(stand_in.next(act.clone()), &json!({}), square(3)).await;
        assert!(matches!(made, Ok(Step::Finished(_))), "{act:?}: {made:?}");
        let mut indexes: Vec<_> = kept.images().iter().map(|(index, _)| *index).collect();
        indexes.sort_unstable();
        assert_eq!((indexes, kept.more_calls()), (vec![0, 1, 2], vec![expected]), "{act:?}");
    }
}

#[tokio::test]
async fn service_that_ignores_n_is_asked_once_for_each_image() {
    for one_per_call in [false, true] {
        let stand_in = StandIn::start().await;
        stand_in.always(Some(Act::OneOfSeveral));
        let task = ImageTask { one_per_call, ..image_task(square(4)) };
        let calls = provider(&stand_in.base_url(), &json!({})).max_paid_calls(&task);
        let (kept, made) = make_task(&stand_in, &json!({"concurrency": 3}), &task).await;
        assert!(matches!(made, Ok(Step::Finished(_))), "{made:?}");
        assert_eq!((kept.images().len(), stand_in.paid_calls()), (4, 4));
        // Whether it is known from an earlier job decides how many calls the row has beforehand.
        let announced: u32 = calls + kept.more_calls().iter().map(|(calls, _)| calls).sum::<u32>();
        assert_eq!((calls, announced), (if one_per_call { 4 } else { 1 }, 4));
        let asked: Vec<_> = stand_in.requests().iter().map(|body| body["n"].clone()).collect();
        assert_eq!(asked[1..], [1, 1, 1]);
    }
}

#[tokio::test]
async fn share_of_an_empty_item_is_a_cost_of_the_others() {
    let stand_in = StandIn::start().await;
    let (kept, made) = make(stand_in.next(Act::EmptyLast), &json!({}), square(4)).await;
    made.unwrap();
    let cost: u64 = kept.images().iter().map(|(_, image)| image.origin.cost_micros).sum();
    // Four images of 1756 tokens at 30 and five words at 5, and then one more.
    assert_eq!(cost, (4 * 1756 * 30 + 25) + (1756 * 30 + 25));
}

#[tokio::test]
async fn other_sizes_and_formats_are_delivered_unchanged() {
    let stand_in = StandIn::start().await;
    for (act, size) in [(Act::Sized(1254, 1254), (1254, 1254)), (Act::Jpeg, (1024, 1024))] {
        let (kept, made) = make(stand_in.next(act), &json!({}), square(1)).await;
        made.unwrap();
        let seen = decode(&kept.images()[0].1.bytes).unwrap();
        assert_eq!((seen.width, seen.height), size);
    }
}

#[tokio::test]
async fn failed_call_loses_no_image_of_the_others() {
    let stand_in = StandIn::start().await;
    let limited = json!({"error": {"message": "slow", "type": "requests", "param": null, "code": "rate_limit_exceeded"}});
    let (kept, made) = make(
        // It fails after another call has brought its image.
        stand_in.next(Act::Answer(Reply::json(429, &limited).after(Duration::from_millis(500)))),
        &json!({"models": {"gpt_image": "dall-e-3"}, "concurrency": 3}),
        square(3),
    )
    .await;
    assert_eq!(made.unwrap_err().reason, Reason::RateLimited);
    assert_eq!((kept.images().len(), stand_in.paid_calls(), stand_in.requests().len()), (2, 2, 3));
}

#[tokio::test]
async fn concurrency_limits_the_calls_of_a_job() {
    for concurrency in [1, 3] {
        let stand_in = StandIn::start().await;
        stand_in.always(Some(Act::Silence));
        let mut settings = local();
        settings["concurrency"] = json!(concurrency);
        let mut task = image_task(square(4));
        task.deadline = Timestamp::now() + Duration::from_millis(700);
        let (_, made) = make_task(&stand_in, &settings, &task).await;
        assert_eq!(made.unwrap_err().reason, Reason::Timeout);
        assert_eq!(stand_in.requests().len(), concurrency.min(2), "none has brought an image");
    }
}

#[tokio::test]
async fn stop_of_the_sink_ends_the_attempt() {
    let stand_in = StandIn::start().await;
    let sink = Kept::full();
    let provider = provider(&stand_in.base_url(), &json!({}));
    let stopped = provider.generate(&image_task(square(2)), &sink).await.unwrap_err();
    assert_eq!(stopped.class, ErrorClass::Internal);
}

#[tokio::test]
async fn missing_answer_is_possibly_paid() {
    for (act, reason) in
        [(Act::Silence, Reason::Timeout), (Act::Stall, Reason::Timeout), (Act::BreakOff, Reason::BadResponse)]
    {
        let stand_in = StandIn::start().await;
        let mut task = image_task(square(1));
        if reason == Reason::Timeout {
            task.deadline = Timestamp::now() + Duration::from_millis(700);
        }
        let (_, made) = make_task(stand_in.next(act.clone()), &json!({}), &task).await;
        let failure = made.unwrap_err();
        assert_eq!((failure.class, failure.reason), (ErrorClass::Provider, reason), "{act:?}");
        assert!(failure.possibly_paid && stand_in.paid_calls() == 1, "{act:?}");
    }
}

#[tokio::test]
async fn configured_timeout_ends_a_call() {
    let stand_in = StandIn::start().await;
    let settings = json!({"timeoutSeconds": 1});
    let (_, made) = make(stand_in.next(Act::Silence), &settings, square(1)).await;
    assert_eq!(made.unwrap_err().reason, Reason::Timeout);
}

#[tokio::test]
async fn unreachable_service_is_not_paid() {
    for base in ["http://127.0.0.1:9/v1", "http://no-such-name.invalid/v1", "https://127.0.0.1:9/v1"] {
        let sink = Kept::default();
        let made = provider(base, &json!({})).generate(&image_task(square(1)), &sink).await;
        let failure = made.unwrap_err();
        assert_eq!((failure.class, failure.reason), (ErrorClass::Provider, Reason::NoAnswer), "{base}");
        assert!(!failure.possibly_paid, "{base}");
    }
}

#[tokio::test]
async fn unusable_success_is_possibly_paid() {
    for reply in [
        Reply::html(200),
        Reply::new(200, "application/json", ""),
        Reply::new(200, "application/json", r#"{"created":1,"data":[{"b64_json":"iVBO"#),
        Reply::new(200, "application/json", "[]"),
        Reply::new(200, "application/json", "null"),
        Reply::new(200, "application/json", r#"{"created":1}"#),
        Reply::new(200, "application/json", r#"{"data":7}"#),
        Reply::new(200, "application/json", vec![b' '; (80 << 20) + 1]),
    ] {
        let stand_in = StandIn::start().await;
        let failure = failure(stand_in.next(Act::Spoil(reply))).await;
        assert_eq!((failure.class, failure.reason), (ErrorClass::Provider, Reason::BadResponse), "{failure}");
        assert!(failure.possibly_paid, "{failure}");
    }
}

#[tokio::test]
async fn success_with_an_error_body_is_that_error() {
    let stand_in = StandIn::start().await;
    let error = json!({"message": "no", "type": "x", "code": "insufficient_quota"});
    let failure = failure(stand_in.next(Act::error(200, &error))).await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Operator, Reason::QuotaExhausted));
}

proptest! {
    #[test]
    fn no_answer_panics(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        status in 100u16..600,
        retry in proptest::option::of(any::<bool>()),
    ) {
        let _ = Answer::read(&body).map(|answer| answer.items.len());
        let error = ApiError::read(&body, &[]).unwrap_or_default();
        let _ = error::classify(status, &error, "", retry);
    }

    #[test]
    fn no_json_panics(body in any_json(), status in 100u16..600) {
        let body = serde_json::to_vec(&body).unwrap();
        if let Ok(answer) = Answer::read(&body) {
            let row = &crate::models::models().openai.row("gpt-image-2", None).unwrap().row;
            prop_assert_eq!(answer.costs(row, &square(1), 3, 3).len(), 3);
        }
        let error = ApiError::read(&body, &[]).unwrap_or_default();
        let _ = error::classify(status, &error, "", None);
    }
}

/// JSON with the names of known fields, and values of all types.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "data",
        "b64_json",
        "url",
        "revised_prompt",
        "usage",
        "input_tokens",
        "output_tokens",
        "input_tokens_details",
        "error",
        "code",
        "type",
        "message",
        "moderation_details",
        "categories",
        "moderation_stage",
        "object",
        "detail",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("safety_violations=[")),
        Just(json!("error")),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(names.clone(), inner, 0..6).prop_map(|fields| {
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Value>()
            }),
        ]
    })
}
