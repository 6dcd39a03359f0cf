use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::images::{Count, Prompt, ProviderChoice, Size, Style};
use domain::primitives::Word as _;
use domain::providers::{FaultOf, Reason};
use proptest::prelude::*;
use testkit::standin::server::Reply;
use testkit::standin::stability::{self as standin, problem, problem_of_v1};
use testkit::{Kept, image_task};

use super::*;
use pictures::decode::decode;

const KEY: &str = "sk-canary-stability-0123456789abcdef";

fn picture(size: Size, count: u8) -> Picture {
    Picture {
        prompt: Prompt::try_from("a red kite over dunes".to_owned()).unwrap(),
        provider: ProviderChoice::StableDiffusion,
        size,
        count: Count::try_from(count).unwrap(),
        quality: Quality::Standard,
        style: None,
    }
}

fn provider(standin: &standin::Stability) -> Stability {
    Stability::new(serde_json::from_value(standin.settings()).unwrap()).unwrap()
}

/// What comes of one image where the stand-in answers so.
async fn after(reply: Reply) -> ProviderError {
    let standin = standin::Stability::start(KEY).await;
    standin.next(reply);
    let (task, kept) = (image_task(picture(Size::S512, 1)), Kept::default());
    let error = provider(&standin).generate(&task, &kept).await.unwrap_err();
    assert!(kept.images().is_empty(), "nothing was to be delivered");
    assert!(!error.to_string().contains("canary"), "{error}");
    assert!(!error.to_string().contains("kite"), "{error}");
    error
}

#[tokio::test]
async fn the_form_holds_these_fields_and_no_others() {
    let standin = standin::Stability::start(KEY).await;
    let mut task = image_task(picture(Size::Wide1024, 1));
    task.picture.quality = Quality::Hd;
    task.picture.style = Some(Style::Natural);
    let kept = Kept::default();
    let step = provider(&standin).generate(&task, &kept).await.unwrap();
    assert!(matches!(step, Step::Finished(_)));

    let [made] = &standin.made()[..] else { panic!("one call") };
    assert_eq!(made.model, "ultra");
    let seed = seed::of(task.job, 0);
    let expected = [
        ("prompt", "a red kite over dunes"),
        ("output_format", "png"),
        ("seed", &seed.to_string()),
        ("aspect_ratio", "16:9"),
        ("style_preset", "photographic"),
    ];
    let fields: Vec<_> = made.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(fields, expected);
    let [asked] = &standin.asked()[..] else { panic!("one request") };
    assert!(asked.header("content-type").unwrap().starts_with("multipart/form-data; boundary="));
    assert_eq!(asked.header("accept"), Some("application/json"));
    assert_eq!(asked.header("stability-client-user-id"), Some(task.user.as_str()));

    let [(0, image)] = &kept.images()[..] else { panic!("one image") };
    let seen = decode(&image.bytes).unwrap();
    assert_eq!((seen.width, seen.height), (1344, 768));
    assert_eq!(
        (image.origin.provider.as_str(), image.origin.model.as_str()),
        (PROVIDER, "stable-image-ultra")
    );
    assert_eq!((image.origin.seed, image.origin.cost_micros), (Some(seed), 80_000));
}

#[tokio::test]
async fn every_size_asks_for_the_nearest_ratio() {
    let standin = standin::Stability::start(KEY).await;
    let provider = provider(&standin);
    for &size in Size::ALL {
        let task = image_task(picture(size, 1));
        assert!(provider.fits(&task.picture).is_ok());
        let kept = Kept::default();
        provider.generate(&task, &kept).await.unwrap();
        let seen = decode(&kept.images()[0].1.bytes).unwrap();
        let (width, height) = size.pixels();
        assert_eq!(seen.width.cmp(&seen.height), width.cmp(&height), "{size:?}");
    }
    let ratios: Vec<_> =
        standin.made().iter().map(|made| made.field("aspect_ratio").unwrap().to_owned()).collect();
    assert_eq!(ratios, ["1:1", "1:1", "1:1", "16:9", "9:16", "16:9", "9:16"]);
    assert!(standin.made().iter().all(|made| made.model == "core" && made.field("style_preset").is_none()));
}

#[tokio::test]
async fn each_image_is_a_call_with_a_seed_of_its_own() {
    let standin = standin::Stability::start(KEY).await;
    let (task, kept) = (image_task(picture(Size::S1024, 4)), Kept::default());
    let provider = provider(&standin);
    assert_eq!(provider.calls(&task), 4);
    provider.generate(&task, &kept).await.unwrap();
    assert_eq!(standin.made().len(), 4);
    let mut images = kept.images();
    images.sort_by_key(|(index, _)| *index);
    for (n, (index, image)) in images.iter().enumerate() {
        assert_eq!(usize::from(*index), n);
        assert_eq!(image.origin.seed, Some(seed::of(task.job, *index)));
        assert_eq!(image.origin.cost_micros, 30_000);
    }
}

#[tokio::test]
async fn calls_run_at_the_same_time_and_a_failed_one_costs_no_other_its_image() {
    let standin = standin::Stability::start(KEY).await;
    standin.next(problem(500, "internal_error", "x").after(Duration::from_millis(300)));
    standin.next(standin::blurred().after(Duration::from_millis(600)));
    let (task, kept) = (image_task(picture(Size::S256, 4)), Kept::default());
    let begun = Instant::now();
    let error = provider(&standin).generate(&task, &kept).await.unwrap_err();
    assert!(begun.elapsed() >= Duration::from_millis(600), "it waits for all");
    assert_eq!((error.fault, error.reason), (FaultOf::Caller, Reason::Moderated));
    assert_eq!(kept.images().len(), 2);
    assert_eq!(standin.asked().len(), 4);
}

#[tokio::test]
async fn no_more_calls_are_under_way_for_a_job_than_the_operator_allows() {
    let standin = standin::Stability::start(KEY).await;
    standin.next(Reply::never());
    let mut settings = standin.settings();
    settings["concurrency"] = 1.into();
    let (mut task, kept) = (image_task(picture(Size::S256, 4)), Kept::default());
    task.deadline = Timestamp::now() + Duration::from_millis(700);
    let provider = Stability::new(serde_json::from_value(settings).unwrap()).unwrap();
    assert_eq!(provider.generate(&task, &kept).await.unwrap_err().reason, Reason::Timeout);
    assert_eq!((standin.asked().len(), kept.images().len()), (1, 0));
}

#[tokio::test]
async fn only_what_is_missing_is_asked_for() {
    let standin = standin::Stability::start(KEY).await;
    let (mut task, kept) = (image_task(picture(Size::S256, 4)), Kept::default());
    task.missing = vec![2];
    provider(&standin).generate(&task, &kept).await.unwrap();
    assert_eq!(kept.images().iter().map(|(index, _)| *index).collect::<Vec<_>>(), [2]);
    assert_eq!(standin.made().len(), 1);
}

#[tokio::test]
async fn a_server_that_sends_the_picture_itself_is_understood() {
    let standin = standin::Stability::start(KEY).await;
    standin.answer_raw();
    let (task, kept) = (image_task(picture(Size::S256, 1)), Kept::default());
    provider(&standin).generate(&task, &kept).await.unwrap();
    let image = &kept.images()[0].1;
    assert_eq!(decode(&image.bytes).unwrap().width, 1216);
    assert_eq!(image.origin.seed, Some(seed::of(task.job, 0)));
}

#[tokio::test]
async fn a_blurred_picture_is_a_refusal_wherever_it_is_said() {
    let body_only = serde_json::json!({"image": "aGVsbG8=", "finish_reason": "content_filtered"});
    let header_only = serde_json::json!({"image": "aGVsbG8=", "finish_reason": "SUCCESS"});
    for reply in [
        standin::blurred(),
        standin::blurred_by_header(),
        Reply::json(200, &body_only),
        Reply::json(200, &header_only).header("finish-reason", "CONTENT_FILTERED"),
    ] {
        let error = after(reply).await;
        assert_eq!((error.fault, error.reason), (FaultOf::Caller, Reason::Moderated), "{error}");
        assert!(error.maybe_paid);
    }
}

#[tokio::test]
async fn each_error_is_of_its_kind() {
    use FaultOf::{Caller, Capacity, Operator, Provider};
    let seconds = Duration::from_secs;
    for (reply, fault, reason, wait) in [
        (problem(400, "bad_request", "some-field: is required"), Caller, Reason::InvalidRequest, None),
        (problem(401, "unauthorized", "authorization: invalid"), Operator, Reason::Auth, None),
        (
            problem_of_v1(401, "unauthorized", "Incorrect API key provided: sk-canary**cdef"),
            Operator,
            Reason::Auth,
            None,
        ),
        (
            problem(402, "payment_required", "You lack sufficient credits to make this request."),
            Operator,
            Reason::QuotaExhausted,
            None,
        ),
        (
            problem_of_v1(402, "payment_required", "Your organization does not have enough balance"),
            Operator,
            Reason::QuotaExhausted,
            None,
        ),
        (problem(403, "content_moderation", "Your request was flagged"), Caller, Reason::Moderated, None),
        (problem(403, "permission_denied", "You may not"), Operator, Reason::Permission, None),
        (problem(403, "unauthorized", "content moderation system"), Caller, Reason::Moderated, None),
        (problem(404, "not_found", "x"), Operator, Reason::ModelGone, None),
        (problem(413, "payload_too_large", "x"), Caller, Reason::InvalidRequest, None),
        (problem(422, "invalid_language", "x"), Caller, Reason::Unsupported, None),
        (problem(422, "x", "prompt: English is the only language"), Caller, Reason::Unsupported, None),
        (problem(422, "x", "prompt: names a public figure"), Caller, Reason::Moderated, None),
        (problem(422, "x", "y"), Caller, Reason::InvalidRequest, None),
        (problem(429, "rate_limit_exceeded", "x"), Capacity, Reason::RateLimited, Some(seconds(60))),
        (
            problem(429, "rate_limit_exceeded", "x").header("retry-after", "7"),
            Capacity,
            Reason::RateLimited,
            Some(seconds(7)),
        ),
        (
            Reply::html(429).header("retry-after", "1e300"),
            Capacity,
            Reason::RateLimited,
            Some(seconds(86_400)),
        ),
        (problem(500, "internal_error", "x"), Provider, Reason::Failed, None),
        (Reply::html(502), Provider, Reason::Overloaded, None),
        (
            Reply::html(503).header("retry-after", "2.5"),
            Provider,
            Reason::Overloaded,
            Some(Duration::from_millis(2500)),
        ),
        (Reply::html(504), Provider, Reason::Overloaded, None),
        (
            Reply::html(302).header("location", "https://elsewhere.example"),
            Operator,
            Reason::InvalidRequest,
            None,
        ),
        (Reply::json(403, &serde_json::json!({"name": 5})), Operator, Reason::Permission, None),
        (
            Reply::json(403, &serde_json::json!({"name": "content_moderation", "errors": [{"code": 7}]})),
            Caller,
            Reason::Moderated,
            None,
        ),
        (
            Reply::json(403, &serde_json::json!({"name": null, "errors": [null, "content moderation"]})),
            Caller,
            Reason::Moderated,
            None,
        ),
        (
            Reply::json(403, &serde_json::json!({"name": "content_moderation", "errors": "flagged"})),
            Caller,
            Reason::Moderated,
            None,
        ),
    ] {
        let told = format!("{reply:?}");
        let error = after(reply).await;
        assert_eq!((error.fault, error.reason, error.retry_after), (fault, reason, wait), "{told}");
    }
}

#[tokio::test]
async fn answers_that_nobody_can_use_are_the_providers_fault() {
    let json = |body: &str| Reply::new(200, "application/json", body);
    let large = format!(r#"{{"image":"{}"}}"#, "A".repeat(LARGEST_ANSWER));
    for reply in [
        json(r#"{"image":"aGVsbG8=","finish_reason":"SUCC"#),
        json(""),
        json("[]"),
        json(r#"{"finish_reason":"SUCCESS"}"#),
        json(r#"{"image":null,"finish_reason":"SUCCESS"}"#),
        json(r#"{"image":"","finish_reason":"SUCCESS"}"#),
        json(r#"{"image":"%%%","finish_reason":"SUCCESS"}"#),
        json(r#"{"image":"aGVsbG8="}"#),
        json(r#"{"image":"aGVsbG8=","finish_reason":"ERROR"}"#),
        json(&large),
        Reply::html(200),
        Reply::new(200, "image/png", "png"),
    ] {
        let error = after(reply).await;
        assert_eq!((error.fault, error.reason), (FaultOf::Provider, Reason::BadResponse), "{error}");
        assert!(error.maybe_paid);
    }
}

#[tokio::test]
async fn unknown_fields_in_an_answer_are_left_alone() {
    let standin = standin::Stability::start(KEY).await;
    let body = serde_json::json!({
        "image": "aGVsbG8=", "finish_reason": "SUCCESS", "seed": "12", "new": {"x": [1]},
    });
    standin.next(Reply::json(200, &body));
    let (task, kept) = (image_task(picture(Size::S256, 1)), Kept::default());
    provider(&standin).generate(&task, &kept).await.unwrap();
    assert_eq!(kept.images()[0].1.origin.seed, Some(12));
}

#[tokio::test]
async fn a_call_that_breaks_off_may_have_been_paid_for() {
    let whole = standin::blurred();
    for (reply, reason) in [
        (Reply::never(), Reason::Timeout),
        (whole.clone().stalling(), Reason::Timeout),
        (whole.cut(), Reason::NoAnswer),
    ] {
        let standin = standin::Stability::start(KEY).await;
        standin.next(reply);
        let (mut task, kept) = (image_task(picture(Size::S256, 1)), Kept::default());
        task.deadline = Timestamp::now() + Duration::from_millis(700);
        let begun = Instant::now();
        let error = provider(&standin).generate(&task, &kept).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!((error.fault, error.reason), (FaultOf::Provider, reason));
        assert!(error.maybe_paid);
    }
}

#[tokio::test]
async fn a_server_that_is_not_reached_has_been_paid_nothing() {
    let standin = standin::Stability::start(KEY).await;
    let there = standin.settings()["baseUrl"].as_str().unwrap().to_owned();
    let gone = standin::Stability::start(KEY).await.settings()["baseUrl"].as_str().unwrap().to_owned();
    let no_tls = there.replace("http:", "https:");
    for base in [gone.as_str(), &no_tls, "https://no-such-name.invalid"] {
        let settings = serde_json::json!({"apiKey": KEY, "baseUrl": base});
        let provider = Stability::new(serde_json::from_value(settings).unwrap()).unwrap();
        let (task, kept) = (image_task(picture(Size::S256, 1)), Kept::default());
        let error = provider.generate(&task, &kept).await.unwrap_err();
        assert_eq!((error.fault, error.reason), (FaultOf::Provider, Reason::NoAnswer), "{base}");
        assert!(!error.maybe_paid, "{base}");
    }
    assert!(standin.made().is_empty());
}

#[tokio::test]
async fn only_a_gateway_leaves_open_whether_a_failure_was_paid_for() {
    for (status, maybe) in [(400, false), (429, false), (500, false), (502, true), (503, false), (504, true)]
    {
        assert_eq!(after(Reply::html(status)).await.maybe_paid, maybe, "{status}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_the_operators_and_stays_unseen() {
    let standin = standin::Stability::start(KEY).await;
    for key in ["sk-canary-another", "sk-canary-\nwith-a-line"] {
        let settings = serde_json::json!({"apiKey": key, "baseUrl": standin.settings()["baseUrl"]});
        let provider = Stability::new(serde_json::from_value(settings).unwrap()).unwrap();
        assert!(!format!("{provider:?}").contains("canary"));
        let (task, kept) = (image_task(picture(Size::S256, 1)), Kept::default());
        let error = provider.generate(&task, &kept).await.unwrap_err();
        assert_eq!(error.fault, FaultOf::Operator);
        assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
    }
    assert_eq!(standin.made().len(), 0);
}

#[tokio::test]
async fn a_worker_that_wants_no_more_ends_the_call() {
    let standin = standin::Stability::start(KEY).await;
    let task = image_task(picture(Size::S256, 1));
    let error = provider(&standin).generate(&task, &Kept::full()).await.unwrap_err();
    assert_eq!(error.fault, FaultOf::Ours);
}

#[tokio::test]
async fn prompts_in_other_languages_are_not_for_it() {
    let standin = standin::Stability::start(KEY).await;
    let provider = provider(&standin);
    for (prompt, fits) in [
        ("a lighthouse at dusk", true),
        ("ein Leuchtturm in der Dämmerung", true),
        ("a café sign that says 東京", true),
        ("1984!", true),
        ("夕暮れの灯台", false),
        ("маяк в сумерках", false),
        ("منارة عند الغسق", false),
    ] {
        let prompt = Prompt::try_from(prompt.to_owned()).unwrap();
        let picture = Picture { prompt, ..picture(Size::S256, 1) };
        assert_eq!(provider.fits(&picture).is_ok(), fits, "{:?}", picture.prompt.as_str());
    }
    // What is let through and is not English all the same, the provider refuses.
    let mut task = image_task(picture(Size::S256, 1));
    task.picture.prompt = Prompt::try_from("Leuchtturm in der Dämmerung".to_owned()).unwrap();
    let error = provider.generate(&task, &Kept::default()).await.unwrap_err();
    assert_eq!((error.fault, error.reason), (FaultOf::Caller, Reason::Unsupported));
}

#[test]
fn settings_have_defaults_and_bounds() {
    let settings: Settings = serde_json::from_str(r#"{"apiKey": "k", "later": true}"#).unwrap();
    let provider = Stability::new(settings).unwrap();
    assert_eq!(provider.base.at("/x").as_str(), "https://api.stability.ai/x");
    assert_eq!(provider.bounds(), Some(Bounds { at_once: 10, per_minute: None }));
    let settings =
        r#"{"apiKey":"k","concurrency":2,"perMinute":30,"models":{"hd":"core"},"timeoutSeconds":9}"#;
    let provider = Stability::new(serde_json::from_str(settings).unwrap()).unwrap();
    assert_eq!(provider.bounds(), Some(Bounds { at_once: 2, per_minute: Some(30) }));
    assert_eq!(provider.model(Quality::Hd), Model::Core);
    assert!(Stability::new(serde_json::from_str(r#"{"apiKey": ""}"#).unwrap()).is_err());
    for bad in [r#"{}"#, r#"{"apiKey":"k","concurrency":0}"#, r#"{"apiKey":"k","models":{"hd":"sdxl"}}"#] {
        assert!(serde_json::from_str::<Settings>(bad).is_err(), "{bad}");
    }
}

fn answer(status: u16, body: Vec<u8>, kind: &str, finish: &str) -> call::Answer {
    let mut headers = egress::header::HeaderMap::new();
    for (name, value) in [("content-type", kind), ("finish-reason", finish), ("seed", finish)] {
        if let Ok(value) = egress::header::HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    let status = egress::StatusCode::from_u16(status).unwrap();
    call::Answer { status, headers, body: body.into() }
}

proptest! {
    #[test]
    fn no_answer_panics(
        status in 300u16..1000,
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        text in ".{0,60}",
        n in any::<i64>(),
    ) {
        let object = serde_json::json!({
            "image": text, "finish_reason": text, "seed": n, "name": text, "errors": [text], "message": text,
        });
        for body in [bytes, text.clone().into_bytes(), object.to_string().into_bytes()] {
            for kind in ["application/json", "image/png", ""] {
                let _ = answer::made(&answer(200, body.clone(), kind, &text));
            }
            let _ = refusal::refusal(&answer(status, body, "application/json", &text));
        }
    }
}
