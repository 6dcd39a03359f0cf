//! The requests for images.

use super::*;

#[tokio::test]
async fn form_has_only_the_documented_fields() {
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
async fn every_size_requests_the_nearest_ratio() {
    let standin = standin::Stability::start(KEY).await;
    let provider = provider(&standin);
    for &size in Size::ALL {
        let task = image_task(picture(size, 1));
        assert!(provider.supports(&task.picture).is_ok());
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
async fn each_image_is_a_call_with_its_own_seed() {
    let standin = standin::Stability::start(KEY).await;
    let (task, kept) = (image_task(picture(Size::S1024, 4)), Kept::default());
    let provider = provider(&standin);
    assert_eq!(provider.max_paid_calls(&task), 4);
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
async fn concurrent_calls_keep_their_images_if_one_fails() {
    let standin = standin::Stability::start(KEY).await;
    standin.next(standin::blurred().after(Duration::from_millis(600)));
    let (task, kept) = (image_task(picture(Size::S256, 4)), Kept::default());
    let started = Instant::now();
    let error = provider(&standin).generate(&task, &kept).await.unwrap_err();
    assert!(started.elapsed() >= Duration::from_millis(600), "it awaits all");
    assert_eq!((error.class, error.reason), (ErrorClass::Caller, Reason::Moderated));
    assert_eq!(kept.images().len(), 3);
    assert_eq!(standin.asked().len(), 4);
}

#[tokio::test]
async fn concurrency_limits_the_calls_of_a_job() {
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
async fn only_missing_images_are_requested() {
    let standin = standin::Stability::start(KEY).await;
    let (mut task, kept) = (image_task(picture(Size::S256, 4)), Kept::default());
    task.missing = vec![2];
    provider(&standin).generate(&task, &kept).await.unwrap();
    assert_eq!(kept.images().iter().map(|(index, _)| *index).collect::<Vec<_>>(), [2]);
    assert_eq!(standin.made().len(), 1);
}

#[tokio::test]
async fn prompts_in_other_scripts_are_not_supported() {
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
        assert_eq!(provider.supports(&picture).is_ok(), fits, "{:?}", picture.prompt.as_str());
    }
    // A prompt in another language with Latin letters is refused by the service.
    let mut task = image_task(picture(Size::S256, 1));
    task.picture.prompt = Prompt::try_from("Leuchtturm in der Dämmerung".to_owned()).unwrap();
    let error = provider.generate(&task, &Kept::default()).await.unwrap_err();
    assert_eq!((error.class, error.reason), (ErrorClass::Caller, Reason::Unsupported));
}

#[test]
fn settings_have_defaults_and_limits() {
    let settings: Settings = serde_json::from_str(r#"{"apiKey": "k", "later": true}"#).unwrap();
    let provider = Stability::new(settings).unwrap();
    assert_eq!(provider.base.at("/x").as_str(), "https://api.stability.ai/x");
    assert_eq!(
        provider.capacity_limits(),
        Some(CapacityLimits { max_concurrent: 10, images_per_minute: None })
    );
    let settings =
        r#"{"apiKey":"k","concurrency":2,"perMinute":30,"models":{"hd":"core"},"timeoutSeconds":9}"#;
    let provider = Stability::new(serde_json::from_str(settings).unwrap()).unwrap();
    assert_eq!(
        provider.capacity_limits(),
        Some(CapacityLimits { max_concurrent: 2, images_per_minute: Some(30) })
    );
    assert_eq!(provider.model(Quality::Hd), Model::Core);
    assert!(Stability::new(serde_json::from_str(r#"{"apiKey": ""}"#).unwrap()).is_err());
    for bad in [r#"{}"#, r#"{"apiKey":"k","concurrency":0}"#, r#"{"apiKey":"k","models":{"hd":"sdxl"}}"#] {
        assert!(serde_json::from_str::<Settings>(bad).is_err(), "{bad}");
    }
}
