//! The requests for images, and their answers.

use super::*;

#[tokio::test]
async fn request_has_only_the_documented_fields() {
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
async fn every_size_is_made_in_its_ratio_with_enough_pixels() {
    let standin = server().await;
    let provider = provider(&standin, json!({}));
    for &size in Size::ALL {
        let (task, kept) = (image_task(picture(size, 1)), Kept::default());
        assert!(provider.supports(&task.picture).is_ok());
        provider.generate(&task, &kept).await.unwrap();
        let seen = decode(&kept.images()[0].1.bytes).unwrap();
        let (width, height) = size.pixels();
        assert_eq!(seen.width * height, seen.height * width, "{size:?}");
        assert!(seen.width >= width && seen.width * seen.height >= 1024 * 1024, "{size:?}");
    }
}

#[tokio::test]
async fn one_call_makes_all_images_with_their_seeds() {
    let standin = server().await;
    let (mut task, kept) = (image_task(picture(Size::S1024, 4)), Kept::default());
    task.missing = vec![1, 2, 3];
    let provider = provider(&standin, json!({}));
    assert_eq!(provider.max_paid_calls(&task), 1);
    provider.generate(&task, &kept).await.unwrap();
    let first = seed::of(task.job, 1);
    let got: Vec<_> = kept.images().iter().map(|(index, image)| (*index, image.origin.seed)).collect();
    assert_eq!(got, [(1, Some(first)), (2, Some(first + 1)), (3, Some(first + 2))]);
    assert_eq!(standin.made().len(), 1);
    let origin = &kept.images()[0].1.origin;
    assert_eq!((origin.provider.as_str(), origin.model.as_str()), ("stable_diffusion", standin::LOADED));
    assert_eq!(origin.cost_micros, 0);
    task.missing.clear();
    assert_eq!(provider.max_paid_calls(&task), 0);
    provider.generate(&task, &kept).await.unwrap();
    assert_eq!(standin.made().len(), 1);
}

#[tokio::test]
async fn answers_of_versions_and_forks_are_read() {
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
                seeds => seeds[usize::from(index)],
            });
            assert_eq!(image.origin.seed, expected, "{manner:?}");
        }
    }
}

#[tokio::test]
async fn image_format_is_read_from_the_bytes() {
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
async fn odd_side_field_does_not_lose_the_image() {
    use base64::prelude::*;
    let png = painted(64, 64, 5, Encoding::Png);
    let encoded = BASE64_STANDARD.encode(&png);
    let with = |fields: &str| format!(r#"{{"images":["{encoded}"],{fields}}}"#).into_bytes();
    for (body, seed) in [
        (with(r#""parameters":{"eta":NaN},"info":"{\"seed\":41}""#), Some(41)),
        (with(r#""parameters":{},"info":"{\"seed\":41,\"eta\":NaN}""#), Some(41)),
        (with(r#""parameters":{},"info":"{\"seed\":41,\"prompt\":\"x\ud83d\"}""#), Some(41)),
        (with(r#""parameters":{},"info":"{\"seed\":41,\"prompt\":\"x\\ud83d\"}""#), Some(41)),
        (with(r#""parameters":1e400,"info":7"#), None),
        (png.clone(), None),
        (encoded.clone().into_bytes(), None),
    ] {
        let standin = server().await;
        standin.next(Reply::new(200, "application/json", body.clone()));
        let (task, kept) = (image_task(picture(Size::S512, 1)), Kept::default());
        provider(&standin, json!({})).generate(&task, &kept).await.unwrap();
        let image = &kept.images()[0].1;
        assert_eq!(
            (image.bytes == png, image.origin.seed),
            (true, seed),
            "{}",
            String::from_utf8_lossy(&body)
        );
    }
}

#[tokio::test]
async fn missing_image_does_not_prevent_delivery_of_others() {
    let standin = server().await;
    standin.behave(Manner { stingy: true, ..Manner::default() });
    let (task, kept) = (image_task(picture(Size::S1024, 2)), Kept::default());
    let error = provider(&standin, json!({})).generate(&task, &kept).await.unwrap_err();
    assert_eq!((error.class, error.reason), (ErrorClass::Provider, Reason::NoImage));
    assert_eq!(kept.images().len(), 1);
}

#[test]
fn settings_have_defaults_and_limits() {
    let settings = |text: &str| serde_json::from_str::<Settings>(text);
    let minimal = settings(r#"{"baseUrl": "http://127.0.0.1:7860", "later": 1}"#).unwrap();
    assert_eq!((minimal.trained_side.get(), minimal.timeout_seconds.get()), (1024, 600));
    assert_eq!(
        Automatic1111::new(minimal).unwrap().capacity_limits(),
        Some(CapacityLimits { max_concurrent: 1, images_per_minute: None })
    );
    for side in [63, 2049] {
        let settings = settings(&json!({"baseUrl": "http://sd:7860", "trainedSide": side}).to_string());
        assert!(Automatic1111::new(settings.unwrap()).is_err(), "{side}");
    }
    for bad in [r#"{}"#, r#"{"baseUrl": "sd:7860"}"#, r#"{"baseUrl": "http://u:p@sd:7860"}"#] {
        assert!(settings(bad).is_err(), "{bad}");
    }
}

#[test]
fn stand_in_images_are_valid() {
    assert_eq!(decode(&painted(8, 16, 3, Encoding::Png)).unwrap().height, 16);
}
