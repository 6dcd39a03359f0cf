//! The requests for images.

use domain::images::Style;
use domain::primitives::NamedValue as _;

use super::*;

/// Settings with one model for every name.
fn only(model: &str) -> Value {
    json!({"models": {"dalle3": model, "dalle2": model, "gpt_image": model}})
}

async fn sent(settings: &Value, picture: Picture) -> Value {
    let stand_in = StandIn::start().await;
    let (_, made) = make(&stand_in, settings, picture).await;
    made.unwrap();
    assert_eq!(stand_in.refusals(), Vec::<String>::new());
    stand_in.requests().remove(0)
}

#[tokio::test]
async fn gpt_image_gets_only_its_own_fields() {
    let wanted = Picture { quality: Quality::Hd, style: Some(Style::Natural), ..square(2) };
    let body = sent(&only("gpt-image-2"), wanted).await;
    let prompt = body["prompt"].as_str().unwrap();
    assert!(prompt.starts_with(PROMPT) && prompt.contains("Style: natural"), "{prompt}");
    let mut rest = body.clone();
    rest.as_object_mut().unwrap().remove("prompt");
    assert_eq!(
        rest,
        json!({
            "model": "gpt-image-2", "n": 2, "size": "1024x1024", "quality": "high",
            "output_format": "png", "user": "a-user",
        })
    );
}

#[tokio::test]
async fn dalle_3_gets_only_its_own_fields() {
    let wanted = Picture { quality: Quality::Hd, style: Some(Style::Natural), ..square(1) };
    assert_eq!(
        sent(&only("dall-e-3"), wanted).await,
        json!({
            "model": "dall-e-3", "prompt": PROMPT, "n": 1, "size": "1024x1024", "quality": "hd",
            "style": "natural", "response_format": "b64_json", "user": "a-user",
        })
    );
}

#[tokio::test]
async fn dalle_2_gets_only_its_own_fields() {
    assert_eq!(
        sent(&only("dall-e-2"), picture(ProviderChoice::Dalle2, Size::S256, 3)).await,
        json!({
            "model": "dall-e-2", "prompt": PROMPT, "n": 3, "size": "256x256",
            "response_format": "b64_json", "user": "a-user",
        })
    );
}

#[tokio::test]
async fn local_server_gets_few_fields_and_no_bar_in_the_prompt() {
    let settings = json!({"models": {"gpt_image": "flux.1-schnell"}, "dialect": "local"});
    let wanted = Picture {
        prompt: Prompt::try_from("a kite | a dune".to_owned()).unwrap(),
        quality: Quality::Hd,
        ..picture(ProviderChoice::GptImage, Size::Wide1024, 1)
    };
    assert_eq!(
        sent(&settings, wanted).await,
        json!({
            "model": "flux.1-schnell", "prompt": "a kite / a dune", "size": "1024x576",
            "response_format": "b64_json",
        })
    );
}

#[tokio::test]
async fn every_model_makes_or_refuses_every_size() {
    let stand_in = StandIn::start().await;
    let models = [
        "gpt-image-2",
        "gpt-image-2.5-flare",
        "gpt-image-2.6-sunburst",
        "gpt-image-1.5",
        "gpt-image-1-mini",
        "dall-e-3",
        "dall-e-2",
    ];
    let mut made = 0;
    for model in models {
        for &size in Size::ALL {
            for &quality in Quality::ALL {
                let wanted = Picture { quality, ..picture(ProviderChoice::Dalle3, size, 1) };
                let provider = provider(&stand_in.base_url(), &only(model));
                let kept = Kept::default();
                let fits = provider.supports(&wanted);
                let (width, height) = size.pixels();
                let square_only = model == "dall-e-2" && (width != height || quality == Quality::Hd);
                assert_eq!(fits.is_err(), square_only, "{model} {size:?} {quality:?}: {fits:?}");
                if quality == Quality::Hd && !matches!(size, Size::S1024 | Size::Wide1792) {
                    continue;
                }
                let outcome = provider.generate(&image_task(wanted), &kept).await;
                assert_eq!(fits.is_ok(), outcome.is_ok(), "{model} {size:?} {quality:?}: {outcome:?}");
                assert_eq!(kept.images().len(), usize::from(fits.is_ok()), "{model} {size:?}");
                made += kept.images().len();
            }
        }
    }
    assert_eq!(stand_in.refusals(), Vec::<String>::new());
    assert_eq!((stand_in.paid_calls(), stand_in.paid_pictures()), (made, made));
    let never = stand_in
        .requests()
        .iter()
        .any(|body| body["size"] == "1024x576" || (body["size"] == "256x256" && body["model"] != "dall-e-2"));
    assert!(!never, "a size below the minimum was requested");
}

#[tokio::test]
async fn each_choice_uses_the_configured_model() {
    let models =
        json!({"models": {"dalle3": "dall-e-3", "dalle2": "dall-e-2", "gpt_image": "gpt-image-1.5"}});
    for (choice, model) in [
        (ProviderChoice::Dalle3, "dall-e-3"),
        (ProviderChoice::Dalle2, "dall-e-2"),
        (ProviderChoice::GptImage, "gpt-image-1.5"),
        (ProviderChoice::Automatic, "gpt-image-1.5"),
    ] {
        let body = sent(&models, picture(choice, Size::S1024, 1)).await;
        assert_eq!(body["model"], model, "{}", choice.as_str());
        let body = sent(&json!({}), picture(choice, Size::S1024, 1)).await;
        assert_eq!(body["model"], "gpt-image-2", "{}", choice.as_str());
    }
}

#[tokio::test]
async fn images_per_call_depend_on_the_model() {
    for (settings, calls) in [
        (only("gpt-image-2"), 1),
        (only("dall-e-3"), 3),
        (json!({"models": {"gpt_image": "flux.1-schnell"}, "dialect": "local"}), 3),
    ] {
        let stand_in = StandIn::start().await;
        let task = ImageTask { missing: vec![0, 2, 3], ..image_task(square(4)) };
        let (kept, made) = make_task(&stand_in, &settings, &task).await;
        made.unwrap();
        let mut indexes: Vec<_> = kept.images().iter().map(|(index, _)| *index).collect();
        indexes.sort_unstable();
        assert_eq!(indexes, [0, 2, 3]);
        assert_eq!((stand_in.paid_calls(), stand_in.paid_pictures()), (calls, 3), "{settings}");
        assert_eq!(provider(&stand_in.base_url(), &settings).max_paid_calls(&task) as usize, calls);
    }
}

#[test]
fn invalid_settings_are_refused_and_not_shown() {
    for settings in [
        json!({"apiKey": "sk-canary\nx"}),
        json!({"apiKey": ""}),
        json!({"apiKey": " "}),
        json!({"apiKey": "k", "models": {"dalle3": ""}}),
        json!({"apiKey": "k", "models": {"dalle3": []}}),
    ] {
        let problem = serde_json::from_value(settings.clone()).map(OpenAi::new).unwrap().err().unwrap();
        assert!(!problem.contains("canary"), "{problem}");
    }
    for settings in [
        json!({"baseUrl": "ftp://x"}),
        json!({"baseUrl": "x"}),
        json!({"dialect": "klingon"}),
        json!({"timeoutSeconds": 0}),
    ] {
        assert!(serde_json::from_value::<Settings>(settings.clone()).is_err(), "{settings}");
    }
}

#[test]
fn concurrency_is_two_by_default() {
    let bounds = |settings| provider("http://127.0.0.1:9", &settings).capacity_limits().unwrap();
    let default = bounds(json!({}));
    assert_eq!((default.max_concurrent, default.images_per_minute), (2, None));
    let configured = bounds(json!({"concurrency": 7, "perMinute": 20}));
    assert_eq!((configured.max_concurrent, configured.images_per_minute), (7, Some(20)));
}
