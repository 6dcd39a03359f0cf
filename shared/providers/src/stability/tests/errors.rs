//! Errors, and whether they may have been paid for.

use super::*;

#[tokio::test]
async fn errors_are_classified() {
    use ErrorClass::{Caller, Capacity, Operator, Provider};
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
        (Reply::html(504), Provider, Reason::GatewayTimeout, None),
        (Reply::html(524), Provider, Reason::GatewayTimeout, None),
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
        let shown = format!("{reply:?}");
        let error = error_of(reply).await;
        assert_eq!((error.class, error.reason, error.retry_after), (fault, reason, wait), "{shown}");
    }
}

#[tokio::test]
async fn quoted_prompt_does_not_decide_the_class() {
    use crate::own_words::{TRIGGERS, spellings};
    let triggers =
        Picture { prompt: Prompt::try_from(TRIGGERS.to_owned()).unwrap(), ..picture(Size::S512, 1) };
    let standin = standin::Stability::start(KEY).await;
    let stability = provider(&standin);
    for spelling in spellings(TRIGGERS) {
        for (status, class, reason) in [
            (403, ErrorClass::Operator, Reason::Permission),
            (422, ErrorClass::Caller, Reason::InvalidRequest),
            (500, ErrorClass::Provider, Reason::Failed),
        ] {
            standin.next(problem(status, "x", &format!("prompt: invalid: {spelling}")));
            let task = image_task(triggers.clone());
            let error = stability.generate(&task, &Kept::default()).await.unwrap_err();
            assert_eq!((error.class, error.reason), (class, reason), "{status} {spelling}");
        }
    }
}

#[tokio::test]
async fn broken_off_call_is_possibly_paid() {
    let whole = standin::blurred();
    for (reply, reason) in [
        (Reply::never(), Reason::Timeout),
        (whole.clone().stalling(), Reason::Timeout),
        (whole.cut(), Reason::BadResponse),
    ] {
        let standin = standin::Stability::start(KEY).await;
        standin.next(reply);
        let (mut task, kept) = (image_task(picture(Size::S256, 1)), Kept::default());
        task.deadline = Timestamp::now() + Duration::from_millis(700);
        let started = Instant::now();
        let error = provider(&standin).generate(&task, &kept).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!((error.class, error.reason), (ErrorClass::Provider, reason));
        assert!(error.possibly_paid);
    }
}

#[tokio::test]
async fn unreachable_server_is_not_paid() {
    let standin = standin::Stability::start(KEY).await;
    let there = standin.settings()["baseUrl"].as_str().unwrap().to_owned();
    let gone = standin::Stability::start(KEY).await.settings()["baseUrl"].as_str().unwrap().to_owned();
    let no_tls = there.replace("http:", "https:");
    for base in [gone.as_str(), &no_tls, "https://no-such-name.invalid"] {
        let settings = serde_json::json!({"apiKey": KEY, "baseUrl": base});
        let provider = Stability::new(serde_json::from_value(settings).unwrap()).unwrap();
        let (task, kept) = (image_task(picture(Size::S256, 1)), Kept::default());
        let error = provider.generate(&task, &kept).await.unwrap_err();
        assert_eq!((error.class, error.reason), (ErrorClass::Provider, Reason::NoAnswer), "{base}");
        assert!(!error.possibly_paid, "{base}");
    }
    assert!(standin.made().is_empty());
}

#[tokio::test]
async fn only_gateway_errors_are_possibly_paid() {
    for (status, possibly_paid) in
        [(400, false), (429, false), (500, false), (502, true), (503, false), (504, true)]
    {
        assert_eq!(error_of(Reply::html(status)).await.possibly_paid, possibly_paid, "{status}");
    }
}

#[tokio::test]
async fn wrong_key_is_an_operator_error_and_not_shown() {
    let standin = standin::Stability::start(KEY).await;
    for key in ["sk-canary-another", "sk-canary-\nwith-a-line"] {
        let settings = serde_json::json!({"apiKey": key, "baseUrl": standin.settings()["baseUrl"]});
        let provider = Stability::new(serde_json::from_value(settings).unwrap()).unwrap();
        assert!(!format!("{provider:?}").contains("canary"));
        let (task, kept) = (image_task(picture(Size::S256, 1)), Kept::default());
        let error = provider.generate(&task, &kept).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Operator);
        assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
    }
    assert_eq!(standin.made().len(), 0);
}

#[tokio::test]
async fn stop_of_the_sink_ends_the_attempt() {
    let standin = standin::Stability::start(KEY).await;
    let task = image_task(picture(Size::S256, 1));
    let error = provider(&standin).generate(&task, &Kept::full()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Internal);
}
