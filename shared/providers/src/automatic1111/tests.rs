use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::images::{Count, Prompt, ProviderChoice, Quality, Size, Style};
use domain::primitives::Word as _;
use domain::providers::{FaultOf, Reason, Stop};
use serde_json::{Value, json};
use testkit::standin::automatic1111::{self as standin, Manner, invalid, problem, without_api};
use testkit::standin::server::Reply;
use testkit::standin::{Encoding, painted};
use testkit::{Kept, image_task};

use super::*;
use domain::images::ImageFormat;
use pictures::decode::decode;

const PASSWORD: &str = "canary-password-0123456789";

async fn server() -> standin::Automatic1111 {
    standin::Automatic1111::start("semantest", PASSWORD).await
}

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

/// The provider, with these settings beside the server's own.
fn provider(standin: &standin::Automatic1111, more: Value) -> Automatic1111 {
    let mut settings = standin.settings();
    let map = settings.as_object_mut().unwrap();
    map.extend(more.as_object().unwrap().clone());
    Automatic1111::new(serde_json::from_value(settings).unwrap()).unwrap()
}

/// What comes of one image where the stand-in answers so.
async fn after(reply: Reply) -> ProviderError {
    let standin = server().await;
    standin.next(reply);
    let (task, kept) = (image_task(picture(Size::S512, 1)), Kept::default());
    let error = provider(&standin, json!({})).generate(&task, &kept).await.unwrap_err();
    assert!(kept.images().is_empty(), "nothing was to be delivered");
    for secret in ["canary", "kite"] {
        assert!(!error.to_string().contains(secret), "{error}");
    }
    error
}

#[tokio::test]
async fn the_request_holds_these_fields_and_no_others() {
    let standin = server().await;
    let mut task = image_task(picture(Size::Wide1024, 2));
    provider(&standin, json!({})).generate(&task, &Kept::default()).await.unwrap();
    let seed = seed::of(task.job, 0);
    let plain = json!({
        "prompt": "a red kite over dunes", "negative_prompt": "lowres, blurry, jpeg artifacts, watermark",
        "width": 1408, "height": 792, "seed": seed, "steps": 25, "cfg_scale": 7.0, "batch_size": 2,
        "n_iter": 1, "send_images": true, "save_images": false,
    });
    assert_eq!(standin.made(), [plain]);

    task.picture.quality = Quality::Hd;
    task.picture.style = Some(Style::Vivid);
    let settings = json!({
        "trainedSide": 512, "negativePrompt": "text", "steps": {"standard": 10, "hd": 30}, "cfgScale": 5.5,
        "sampler": "DPM++ 2M", "scheduler": "Karras", "inTurn": true, "checkpoint": "dreamshaper_8",
    });
    let kept = Kept::default();
    provider(&standin, settings).generate(&task, &kept).await.unwrap();
    let prompt = "a red kite over dunes, vivid colors, dramatic lighting, high contrast";
    let full = json!({
        "prompt": prompt, "negative_prompt": "text", "width": 1024, "height": 576, "seed": seed,
        "steps": 30, "cfg_scale": 5.5, "batch_size": 1, "n_iter": 2, "send_images": true,
        "save_images": false, "sampler_name": "DPM++ 2M", "scheduler": "Karras",
        "override_settings": {"sd_model_checkpoint": "dreamshaper_8"},
    });
    assert_eq!(standin.made()[1], full);
    for (_, image) in kept.images() {
        assert_eq!(image.origin.model, "dreamshaper_8");
        assert_eq!(image.origin.revised_prompt.as_deref(), Some(prompt));
    }
}

#[tokio::test]
async fn every_size_is_made_in_its_ratio_and_none_with_too_few_pixels() {
    let standin = server().await;
    let provider = provider(&standin, json!({}));
    for &size in Size::ALL {
        let (task, kept) = (image_task(picture(size, 1)), Kept::default());
        assert!(provider.fits(&task.picture).is_ok());
        provider.generate(&task, &kept).await.unwrap();
        let seen = decode(&kept.images()[0].1.bytes).unwrap();
        let (width, height) = size.pixels();
        assert_eq!(seen.width * height, seen.height * width, "{size:?}");
        assert!(seen.width >= width && seen.width * seen.height >= 1024 * 1024, "{size:?}");
    }
}

#[tokio::test]
async fn one_call_makes_all_images_and_info_tells_their_seeds() {
    let standin = server().await;
    let (mut task, kept) = (image_task(picture(Size::S1024, 4)), Kept::default());
    task.missing = vec![1, 2, 3];
    let provider = provider(&standin, json!({}));
    assert_eq!(provider.calls(&task), 1);
    provider.generate(&task, &kept).await.unwrap();
    let first = seed::of(task.job, 1);
    let got: Vec<_> = kept.images().iter().map(|(index, image)| (*index, image.origin.seed)).collect();
    assert_eq!(got, [(1, Some(first)), (2, Some(first + 1)), (3, Some(first + 2))]);
    assert_eq!(standin.made().len(), 1);
    let origin = &kept.images()[0].1.origin;
    assert_eq!((origin.provider.as_str(), origin.model.as_str()), ("stable_diffusion", standin::LOADED));
    assert_eq!(origin.cost_micros, 0);
    task.missing.clear();
    assert_eq!(provider.calls(&task), 0);
    provider.generate(&task, &kept).await.unwrap();
    assert_eq!(standin.made().len(), 1);
}

#[tokio::test]
async fn the_manners_of_versions_and_forks_are_understood() {
    let grid = Manner { grid: true, ..Manner::default() };
    let info_as_json = json!({"all_seeds": [5, 6]});
    for (manner, seeds) in [
        (Manner { info: Some(json!("{ not json")), ..Manner::default() }, None),
        (Manner { info: Some(Value::Null), ..Manner::default() }, None),
        (Manner { info: Some(json!([1, 2])), ..Manner::default() }, None),
        (Manner { info: Some(info_as_json), ..Manner::default() }, Some([5, 6])),
        (Manner { info: Some(json!(r#"{"index_of_first_image": 1}"#)), ..Manner::default() }, None),
        (Manner { prefixed: true, ..grid.clone() }, Some([9, 10])),
    ] {
        let standin = server().await;
        let (task, kept) = (image_task(picture(Size::S1024, 2)), Kept::default());
        standin.behave(manner.clone());
        provider(&standin, json!({})).generate(&task, &kept).await.unwrap();
        let images = kept.images();
        assert_eq!(images.len(), 2, "{manner:?}");
        let first = seed::of(task.job, 0);
        for (index, image) in images {
            assert_eq!(decode(&image.bytes).unwrap().width, 1024, "{manner:?} is no grid");
            let expected = seeds.map(|seeds: [u64; 2]| match seeds {
                [9, 10] => first + u64::from(index),
                told => told[usize::from(index)],
            });
            assert_eq!(image.origin.seed, expected, "{manner:?}");
        }
    }
}

#[tokio::test]
async fn pictures_are_known_by_their_bytes() {
    for (encoding, format) in [
        (Encoding::Jpeg, ImageFormat::Jpeg),
        (Encoding::Webp, ImageFormat::Webp),
        (Encoding::Png, ImageFormat::Png),
    ] {
        let standin = server().await;
        standin.behave(Manner { encoding: Some(encoding), prefixed: true, ..Manner::default() });
        let (task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
        provider(&standin, json!({})).generate(&task, &kept).await.unwrap();
        assert_eq!(decode(&kept.images()[0].1.bytes).unwrap().format, format);
    }
}

#[tokio::test]
async fn an_image_that_is_missing_costs_no_other_its_delivery() {
    let standin = server().await;
    standin.behave(Manner { stingy: true, ..Manner::default() });
    let (task, kept) = (image_task(picture(Size::S1024, 2)), Kept::default());
    let error = provider(&standin, json!({})).generate(&task, &kept).await.unwrap_err();
    assert_eq!((error.fault, error.reason), (FaultOf::Provider, Reason::BadResponse));
    assert_eq!(kept.images().len(), 1);
}

#[tokio::test]
async fn the_wrong_model_silently_used_is_the_operators_affair() {
    let standin = server().await;
    standin.behave(Manner { stubborn: true, ..Manner::default() });
    let (task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
    let strict = provider(&standin, json!({"checkpoint": "dreamshaper_8.safetensors"}));
    let error = strict.generate(&task, &kept).await.unwrap_err();
    assert_eq!((error.fault, error.reason), (FaultOf::Operator, Reason::ModelGone));
    assert!(kept.images().is_empty());
    let right = provider(&standin, json!({"checkpoint": "sdxl/sd_xl_base_1.0.safetensors [31e35c80fc]"}));
    right.generate(&task, &kept).await.unwrap();
    assert_eq!(kept.images().len(), 1);
}

#[tokio::test]
async fn each_error_is_of_its_kind() {
    use FaultOf::{Capacity, Operator, Provider};
    for (reply, fault, reason) in [
        (problem(401, "HTTPException", "Incorrect username or password", ""), Operator, Reason::Auth),
        (Reply::html(403), Operator, Reason::Auth),
        (without_api(), Operator, Reason::InvalidRequest),
        (Reply::json(405, &json!({"detail": "Method Not Allowed"})), Operator, Reason::InvalidRequest),
        (problem(404, "HTTPException", "Sampler not found", ""), Operator, Reason::InvalidRequest),
        (problem(404, "HTTPException", "Model not found", ""), Operator, Reason::ModelGone),
        (invalid("steps", "value is not a valid integer"), Operator, Reason::InvalidRequest),
        (problem(422, "HTTPException", "Script 'x' not found", ""), Operator, Reason::InvalidRequest),
        (
            problem(500, "OutOfMemoryError", "", "CUDA out of memory. Tried to allocate 2.00 GiB"),
            Provider,
            Reason::Overloaded,
        ),
        (problem(500, "RuntimeError", "", "CUDA out of memory"), Provider, Reason::Overloaded),
        (problem(500, "ValueError", "", "a red kite over dunes"), Provider, Reason::Failed),
        (Reply::html(500), Provider, Reason::Failed),
        (Reply::html(502), Provider, Reason::Overloaded),
        (Reply::html(503), Provider, Reason::Overloaded),
        (Reply::html(504), Provider, Reason::Overloaded),
        (Reply::html(429).header("retry-after", "9"), Capacity, Reason::RateLimited),
        (Reply::html(307), Operator, Reason::InvalidRequest),
    ] {
        let told = format!("{reply:?}");
        let error = after(reply).await;
        assert_eq!((error.fault, error.reason), (fault, reason), "{told}");
    }
    let waits = after(Reply::html(503).header("retry-after", "4")).await;
    assert_eq!(waits.retry_after, Some(Duration::from_secs(4)));
}

#[tokio::test]
async fn answers_that_nobody_can_use_are_the_providers_fault() {
    for body in [
        json!({}),
        json!([]),
        json!({"images": []}),
        json!({"images": null}),
        json!({"images": [5]}),
        json!({"images": ["%%%"]}),
        json!({"images": [""], "info": "{}"}),
    ] {
        let error = after(Reply::json(200, &body)).await;
        assert_eq!((error.fault, error.reason), (FaultOf::Provider, Reason::BadResponse), "{body}");
    }
    for reply in [Reply::html(200), Reply::new(200, "application/json", r#"{"images":["iVBOR"#)] {
        assert_eq!(after(reply).await.reason, Reason::BadResponse);
    }
    assert_eq!(after(Reply::html(200).cut()).await.reason, Reason::NoAnswer);
}

#[tokio::test]
async fn what_the_configuration_gets_wrong_is_the_operators() {
    let standin = server().await;
    for (settings, reason) in [
        (json!({"password": "canary-wrong"}), Reason::Auth),
        (json!({"username": null}), Reason::Auth),
        (json!({"sampler": "Eular"}), Reason::InvalidRequest),
        (json!({"checkpoint": "none"}), Reason::ModelGone),
        (json!({"steps": {"standard": 500}}), Reason::InvalidRequest),
    ] {
        let provider = provider(&standin, settings.clone());
        assert!(!format!("{provider:?}").contains("canary"));
        let error =
            provider.generate(&image_task(picture(Size::S256, 1)), &Kept::default()).await.unwrap_err();
        assert_eq!((error.fault, error.reason), (FaultOf::Operator, reason), "{settings}");
        assert!(!format!("{error:?}").contains("canary"));
    }
    assert_eq!(standin.made().len(), 0);
}

#[tokio::test]
async fn progress_is_told_while_the_work_is_ours() {
    let standin = server().await;
    standin.take(Duration::from_secs(5));
    let (task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
    provider(&standin, json!({})).generate(&task, &kept).await.unwrap();
    let progress = kept.progress();
    assert!(progress.len() >= 2, "{progress:?}");
    assert!(progress.is_sorted() && progress[0] > 20 && progress[1] < 100, "{progress:?}");
    assert_eq!(standin.interrupts(), 0);
}

#[tokio::test]
async fn no_progress_is_told_of_the_work_of_others() {
    for steps in [25, 30] {
        let standin = server().await;
        standin.work_for_another(steps, 1, Duration::from_secs(3));
        standin.take(Duration::from_millis(100));
        let (task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
        provider(&standin, json!({})).generate(&task, &kept).await.unwrap();
        assert!(kept.progress().is_empty(), "the server was busy before");
        assert_eq!(kept.images().len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_tells_little_of_its_progress_has_none_told() {
    let replies = [
        Reply::json(200, &json!({})),
        Reply::json(200, &json!({"progress": 0, "state": {}})),
        Reply::json(200, &json!({"progress": "x", "state": 5})),
        Reply::html(200),
        without_api(),
    ];
    let tries = replies.map(|reply| async move {
        let standin = server().await;
        standin.tell_progress(reply);
        standin.take(Duration::from_millis(2500));
        let (task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
        provider(&standin, json!({})).generate(&task, &kept).await.unwrap();
        assert_eq!((kept.progress().len(), kept.images().len()), (0, 1));
    });
    futures_util::future::join_all(tries).await;
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_interrupted() {
    let standin = server().await;
    standin.take(Duration::from_secs(30));
    let (mut task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
    task.deadline = Timestamp::now() + Duration::from_secs(4);
    let begun = Instant::now();
    let error = provider(&standin, json!({})).generate(&task, &kept).await.unwrap_err();
    assert_eq!((error.fault, error.reason), (FaultOf::Provider, Reason::Timeout));
    assert!(error.maybe_paid);
    assert_eq!(standin.interrupts(), 1);
    assert!(begun.elapsed() < Duration::from_secs(4), "all of it before the deadline");
}

#[tokio::test]
async fn the_work_of_others_is_not_interrupted() {
    let standin = server().await;
    standin.work_for_another(25, 1, Duration::from_secs(30));
    let (mut task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
    task.deadline = Timestamp::now() + Duration::from_secs(3);
    let error = provider(&standin, json!({})).generate(&task, &kept).await.unwrap_err();
    assert_eq!(error.reason, Reason::Timeout);
    assert_eq!(standin.interrupts(), 0);
}

/// The sink of a job that was cancelled, which shows when its progress is told.
struct Cancelled;

#[async_trait]
impl ImageSink for Cancelled {
    async fn image(&self, _: u8, _: GeneratedImage) -> Result<(), Stop> {
        Err(Stop)
    }

    async fn progress(&self, _: u8) -> Result<(), Stop> {
        Err(Stop)
    }

    async fn note(&self, _: &str) -> Result<(), Stop> {
        Err(Stop)
    }
}

#[tokio::test]
async fn a_cancelled_job_is_interrupted_at_the_server() {
    let standin = server().await;
    standin.take(Duration::from_secs(30));
    let task = image_task(picture(Size::S1024, 1));
    let error = provider(&standin, json!({})).generate(&task, &Cancelled).await.unwrap_err();
    assert_eq!(error.fault, FaultOf::Ours);
    assert_eq!(standin.interrupts(), 1);
}

#[tokio::test]
async fn half_a_picture_that_somebody_interrupted_is_not_delivered() {
    let standin = server().await;
    standin.take(Duration::from_secs(3));
    let (task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
    let provider = provider(&standin, json!({}));
    let pressed = async {
        tokio::time::sleep(Duration::from_millis(1000)).await;
        standin.interrupt_by_hand();
    };
    let (outcome, ()) = tokio::join!(provider.generate(&task, &kept), pressed);
    let error = outcome.unwrap_err();
    assert_eq!((error.fault, error.reason), (FaultOf::Provider, Reason::Failed));
    assert!(kept.images().is_empty());
}

#[test]
fn settings_have_defaults_and_bounds() {
    let settings = |text: &str| serde_json::from_str::<Settings>(text);
    let least = settings(r#"{"baseUrl": "http://127.0.0.1:7860", "later": 1}"#).unwrap();
    assert_eq!((least.trained_side.get(), least.timeout_seconds.get()), (1024, 600));
    assert_eq!(Automatic1111::new(least).unwrap().bounds(), Some(Bounds { at_once: 1, per_minute: None }));
    for side in [63, 2049] {
        let settings = settings(&json!({"baseUrl": "http://sd:7860", "trainedSide": side}).to_string());
        assert!(Automatic1111::new(settings.unwrap()).is_err(), "{side}");
    }
    for bad in [r#"{}"#, r#"{"baseUrl": "sd:7860"}"#, r#"{"baseUrl": "http://u:p@sd:7860"}"#] {
        assert!(settings(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_stand_ins_pictures_are_pictures() {
    assert_eq!(decode(&painted(8, 16, 3, Encoding::Png)).unwrap().height, 16);
}
