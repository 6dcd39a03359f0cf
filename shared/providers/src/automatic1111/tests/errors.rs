//! The server's errors.

use super::*;

#[tokio::test]
async fn silently_used_other_model_is_an_operator_error() {
    let standin = server().await;
    standin.behave(Manner { stubborn: true, ..Manner::default() });
    let (task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
    let strict = provider(&standin, json!({"checkpoint": "dreamshaper_8.safetensors"}));
    let error = strict.generate(&task, &kept).await.unwrap_err();
    assert_eq!((error.class, error.reason), (ErrorClass::Operator, Reason::ModelGone));
    assert!(kept.images().is_empty());
    let right = provider(&standin, json!({"checkpoint": "sdxl/sd_xl_base_1.0.safetensors [31e35c80fc]"}));
    right.generate(&task, &kept).await.unwrap();
    assert_eq!(kept.images().len(), 1);
}

#[tokio::test]
async fn errors_are_classified() {
    use ErrorClass::{Capacity, Operator, Provider};
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
        (Reply::html(504), Provider, Reason::GatewayTimeout),
        (Reply::html(429).header("retry-after", "9"), Capacity, Reason::RateLimited),
        (Reply::html(307), Operator, Reason::InvalidRequest),
    ] {
        let shown = format!("{reply:?}");
        let error = error_of(reply).await;
        assert_eq!((error.class, error.reason), (fault, reason), "{shown}");
    }
    let overloaded = error_of(Reply::html(503).header("retry-after", "4")).await;
    assert_eq!(overloaded.retry_after, Some(Duration::from_secs(4)));
}

#[tokio::test]
async fn unusable_answers_are_provider_errors() {
    for body in [
        json!({}),
        json!([]),
        json!({"images": null}),
        json!({"images": [5]}),
        json!({"images": ["%%%"]}),
        json!({"images": [""], "info": "{}"}),
    ] {
        let error = error_of(Reply::json(200, &body)).await;
        assert_eq!((error.class, error.reason), (ErrorClass::Provider, Reason::BadResponse), "{body}");
    }
    for reply in [Reply::html(200), Reply::new(200, "application/json", r#"{"images":["iVBOR"#)] {
        assert_eq!(error_of(reply).await.reason, Reason::BadResponse);
    }
    assert_eq!(error_of(Reply::html(200).cut()).await.reason, Reason::BadResponse);
}

#[tokio::test]
async fn answer_without_an_image_has_its_own_reason() {
    let error = error_of(Reply::json(200, &json!({"images": []}))).await;
    assert_eq!(
        (error.class, error.reason, error.possibly_paid),
        (ErrorClass::Provider, Reason::NoImage, true)
    );
}

#[tokio::test]
async fn quoted_prompt_does_not_decide_the_class() {
    use crate::own_words::{TRIGGERS, spellings};
    let triggers =
        Picture { prompt: Prompt::try_from(TRIGGERS.to_owned()).unwrap(), ..picture(Size::S512, 1) };
    let standin = server().await;
    let server = provider(&standin, json!({}));
    for spelling in spellings(TRIGGERS) {
        for (status, reason) in [(404, Reason::InvalidRequest), (500, Reason::Failed)] {
            standin.next(problem(status, "ValueError", &format!("cannot draw: {spelling}"), &spelling));
            let task = image_task(triggers.clone());
            let error = server.generate(&task, &Kept::default()).await.unwrap_err();
            assert_eq!(error.reason, reason, "{status} {spelling}");
            assert!(error.message.contains("--api") || status == 500, "{error}");
        }
    }
}

#[tokio::test]
async fn wrong_settings_are_operator_errors() {
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
        assert_eq!((error.class, error.reason), (ErrorClass::Operator, reason), "{settings}");
        assert!(!format!("{error:?}").contains("canary"));
    }
    assert_eq!(standin.made().len(), 0);
}
