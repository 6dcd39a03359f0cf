//! Every error that OpenAI and compatible services are known to answer with.

use std::time::Duration;

use domain::images::WarningKind;
use domain::providers::{ErrorClass, Reason};
use testkit::Logs;
use testkit::standin::Reply;
use testkit::standin::openai::Act;

use super::*;

const MODERATED: &str = "Your request was rejected by the safety system. If you believe this is an error, \
    contact us and include the request ID req_1. safety_violations=[sexual, violence].";

/// Status, code, type, message; expected class and reason.
type Row = (u16, Option<&'static str>, &'static str, &'static str, ErrorClass, Reason);

const ROWS: &[Row] = {
    use ErrorClass::{Caller, Capacity, Operator, Provider};
    use Reason::*;
    &[
        (400, Some("content_policy_violation"), "invalid_request_error", "rejected", Caller, Moderated),
        (400, Some("moderation_blocked"), "image_generation_user_error", MODERATED, Caller, Moderated),
        (400, None, "invalid_request_error", "Rejected as a result of our safety system.", Caller, Moderated),
        (
            400,
            Some("invalid_value"),
            "image_generation_user_error",
            "divisible by 16",
            Caller,
            InvalidRequest,
        ),
        (400, Some("invalid_value"), "invalid_request_error", "Invalid size.", Caller, InvalidRequest),
        (400, Some("invalid_size"), "invalid_request_error", "Not supported.", Caller, InvalidRequest),
        (
            400,
            Some("unknown_parameter"),
            "invalid_request_error",
            "Unknown: 'style'.",
            Caller,
            InvalidRequest,
        ),
        (400, Some("billing_hard_limit_reached"), "invalid_request_error", "limit", Operator, QuotaExhausted),
        (
            400,
            Some("billing_hard_limit_reached"),
            "image_generation_user_error",
            "x",
            Operator,
            QuotaExhausted,
        ),
        (400, Some("billing_hard_limit_reached"), "insufficient_quota", "x", Operator, QuotaExhausted),
        (400, None, "image_generation_user_error", "The model 'x' does not exist.", Operator, ModelGone),
        (
            400,
            Some("invalid_value"),
            "image_generation_user_error",
            "The model 'x' does not exist.",
            Operator,
            ModelGone,
        ),
        (400, Some("something_new"), "image_generation_user_error", "Something new.", Caller, InvalidRequest),
        (401, Some("invalid_api_key"), "invalid_request_error", "Incorrect: sk-canary***7f", Operator, Auth),
        (401, None, "invalid_request_error", "You didn't provide a key.", Operator, Auth),
        (403, None, "invalid_request_error", "must be verified to use the model", Operator, Permission),
        (403, Some("unsupported_country_region_territory"), "request_forbidden", "x", Operator, Permission),
        (403, Some("Forbidden"), "", "x", Operator, Permission),
        (404, Some("model_not_found"), "invalid_request_error", "The model `x` …", Operator, ModelGone),
        (404, None, "not_found_error", "model 'x' not found, try pulling it first", Operator, ModelGone),
        (404, None, "", "Not Found", Operator, InvalidRequest),
        (429, Some("rate_limit_exceeded"), "input-images", "Rate limit reached", Capacity, RateLimited),
        (429, Some("slow_down"), "rate_limit_error", "Slow down", Capacity, RateLimited),
        (429, None, "tokens", "x", Capacity, RateLimited),
        (429, Some("insufficient_quota"), "insufficient_quota", "quota", Operator, QuotaExhausted),
        (429, Some("credit_balance_exhausted"), "insufficient_quota", "x", Operator, QuotaExhausted),
        (429, Some("organization_usage_limit_exceeded"), "requests", "x", Operator, QuotaExhausted),
        (429, Some("organization_spend_limit_exceeded"), "requests", "x", Operator, QuotaExhausted),
        (429, Some("project_spend_limit_exceeded"), "requests", "x", Operator, QuotaExhausted),
        (429, None, "insufficient_quota", "x", Operator, QuotaExhausted),
        (500, Some("server_error"), "server_error", "x", Provider, Failed),
        (500, None, "server_error", "x", Provider, Failed),
        (503, Some("server_is_overloaded"), "service_unavailable_error", "x", Capacity, Overloaded),
        (503, None, "service_unavailable_error", "x", Capacity, Overloaded),
        (402, None, "", "x", Operator, QuotaExhausted),
        (422, None, "", "x", Caller, InvalidRequest),
    ]
};

#[tokio::test]
async fn documented_errors_are_classified() {
    let stand_in = StandIn::start().await;
    for &(status, code, kind, message, fault, reason) in ROWS {
        // `param` may be text, empty or null.
        for param in [json!(null), json!(""), json!("size")] {
            let error = json!({"message": message, "type": kind, "param": param, "code": code});
            let failure = failure(stand_in.next(Act::error(status, &error))).await;
            assert_eq!((failure.class, failure.reason), (fault, reason), "{status} {code:?} {kind}");
            assert!(!failure.possibly_paid, "{status} {code:?} {kind}");
        }
    }
    assert_eq!((stand_in.paid_calls(), stand_in.requests().len()), (0, ROWS.len() * 3));
}

#[tokio::test]
async fn errors_of_other_shapes_are_classified() {
    for (status, body, fault, reason) in [
        (401, json!({"error": "Unauthorized"}), ErrorClass::Operator, Reason::Auth),
        (
            404,
            json!({"error": {"message": "The model `x` does not exist.", "type": "NotFoundError", "param": null, "code": 404}}),
            ErrorClass::Operator,
            Reason::ModelGone,
        ),
        (
            400,
            json!({"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}),
            ErrorClass::Caller,
            Reason::InvalidRequest,
        ),
        (
            500,
            json!({"error": {"code": 500, "message": "boom", "type": ""}}),
            ErrorClass::Provider,
            Reason::Failed,
        ),
        (
            403,
            json!({"error": {"code": "Forbidden", "message": "no"}}),
            ErrorClass::Operator,
            Reason::Permission,
        ),
        (422, json!({"detail": "what"}), ErrorClass::Caller, Reason::InvalidRequest),
    ] {
        let stand_in = StandIn::start().await;
        let failure = failure(stand_in.next(Act::Answer(Reply::json(status, &body)))).await;
        assert_eq!((failure.class, failure.reason), (fault, reason), "{body}");
    }
}

#[tokio::test]
async fn gateway_pages_are_classified_by_status() {
    for (status, fault, reason, possibly_paid) in [
        (301, ErrorClass::Operator, Reason::InvalidRequest, false),
        (404, ErrorClass::Operator, Reason::InvalidRequest, false),
        (408, ErrorClass::Provider, Reason::Timeout, true),
        (413, ErrorClass::Caller, Reason::InvalidRequest, false),
        (429, ErrorClass::Capacity, Reason::RateLimited, false),
        (500, ErrorClass::Provider, Reason::Failed, false),
        (502, ErrorClass::Provider, Reason::Failed, true),
        (503, ErrorClass::Provider, Reason::Overloaded, false),
        (504, ErrorClass::Provider, Reason::GatewayTimeout, true),
        (520, ErrorClass::Provider, Reason::GatewayTimeout, true),
        (521, ErrorClass::Provider, Reason::Failed, false),
        (522, ErrorClass::Provider, Reason::GatewayTimeout, true),
        (524, ErrorClass::Provider, Reason::GatewayTimeout, true),
        (529, ErrorClass::Provider, Reason::Failed, false),
    ] {
        let stand_in = StandIn::start().await;
        let failure = failure(stand_in.next(Act::Answer(Reply::html(status)))).await;
        assert_eq!((failure.class, failure.reason), (fault, reason), "{status}");
        assert_eq!(failure.possibly_paid, possibly_paid, "{status}");
        assert!(!failure.message.contains("html"), "{failure}");
    }
}

#[tokio::test]
async fn refusal_names_the_moderation_categories() {
    let details = json!({"moderation_stage": "output", "categories": ["sexual", "hate"]});
    let kind = "image_generation_user_error";
    for (error, kinds, words) in [
        (
            json!({"message": "rejected", "type": kind, "code": "moderation_blocked", "moderation_details": details}),
            vec![WarningKind::Adult],
            "the picture that it made: sexual, hate",
        ),
        (
            json!({"message": MODERATED, "type": kind, "code": "moderation_blocked"}),
            vec![WarningKind::Adult, WarningKind::Violence],
            "the prompt: sexual, violence",
        ),
        (
            json!({"message": "rejected", "type": kind, "code": "content_policy_violation"}),
            vec![],
            "objects to the prompt",
        ),
    ] {
        let stand_in = StandIn::start().await;
        let failure = failure(stand_in.next(Act::error(400, &error))).await;
        assert_eq!((failure.class, failure.reason), (ErrorClass::Caller, Reason::Moderated));
        assert_eq!(failure.warnings.iter().map(|warning| warning.kind).collect::<Vec<_>>(), kinds);
        assert!(failure.message.contains(words), "{failure}");
        assert_eq!(stand_in.requests().len(), 1);
    }
}

#[tokio::test]
async fn retry_after_headers_set_the_pause() {
    let limited = json!({"error": {"message": "x", "type": "requests", "code": "rate_limit_exceeded"}});
    for (name, value, pause) in [
        ("retry-after", "7", Some(Duration::from_secs(7))),
        ("retry-after", "0.5", Some(Duration::from_millis(500))),
        ("retry-after-ms", "1250.0", Some(Duration::from_millis(1250))),
        ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT", Some(crate::call::MAX_RETRY_AFTER)),
        ("retry-after", "1e99", Some(crate::call::MAX_RETRY_AFTER)),
        ("retry-after-ms", "inf", Some(crate::call::MAX_RETRY_AFTER)),
        ("retry-after-ms", "NaN", None),
        ("retry-after", "soon", None),
    ] {
        let stand_in = StandIn::start().await;
        let reply = Reply::json(429, &limited).header(name, value);
        let failure = failure(stand_in.next(Act::Answer(reply))).await;
        assert_eq!(failure.retry_after, pause, "{name}: {value}");
    }
}

#[tokio::test]
async fn overload_has_a_default_pause() {
    let stand_in = StandIn::start().await;
    let error = json!({"message": "x", "code": "server_is_overloaded"});
    assert!(
        failure(stand_in.next(Act::error(503, &error))).await.retry_after >= Some(Duration::from_secs(10))
    );
}

#[tokio::test]
async fn x_should_retry_decides_between_caller_and_provider() {
    for (status, word, fault) in [
        (500, "true", ErrorClass::Provider),
        (500, "perhaps", ErrorClass::Provider),
        (400, "true", ErrorClass::Provider),
        (400, "false", ErrorClass::Caller),
        (429, "false", ErrorClass::Capacity),
    ] {
        let stand_in = StandIn::start().await;
        let reply = Reply::html(status).header("x-should-retry", word);
        let failure = failure(stand_in.next(Act::Answer(reply))).await;
        assert_eq!((failure.class, failure.retry_after), (fault, None), "{status} {word}");
    }
}

#[tokio::test]
async fn x_should_retry_false_is_a_provider_error_with_a_pause() {
    let stand_in = StandIn::start().await;
    for status in [500, 503, 409] {
        for (pause, expected) in [(None, 60), (Some("7"), 7)] {
            let reply = Reply::html(status).header("x-should-retry", "false");
            let reply = match pause {
                Some(pause) => reply.header("retry-after", pause),
                None => reply,
            };
            let failure = failure(stand_in.next(Act::Answer(reply))).await;
            // Not a refusal: another provider may make it.
            assert_eq!(failure.class, ErrorClass::Provider, "{status}");
            assert_eq!(failure.retry_after, Some(Duration::from_secs(expected)), "{status}");
        }
    }
}

/// Answers about the operator's account or machine, and the messages for the caller instead.
const INTERNAL: [(u16, Option<&str>, &str, &str); 5] = [
    (
        429,
        Some("rate_limit_exceeded"),
        "Rate limit reached for gpt-image-2 in organization org-AbC on images per min: Limit 5.",
        "the provider takes no more requests at present (429)",
    ),
    (
        403,
        None,
        "Your organization must be verified to use the model `gpt-image-2`.",
        "the operator's account may not do this (403)",
    ),
    (
        404,
        Some("model_not_found"),
        "Project `proj_9xY` does not have access to the model.",
        "the model does not exist, or not any more (404)",
    ),
    (
        400,
        Some("billing_hard_limit_reached"),
        "Billing hard limit of $120 has been reached.",
        "the operator's account has no money, or has used what it may (400)",
    ),
    (
        500,
        None,
        "failed to open /srv/models/flux.safetensors while drawing 'a red kite over dunes'",
        "the provider failed (500)",
    ),
];

#[tokio::test]
async fn messages_about_account_or_service_are_only_logged() {
    let logs = Logs::begin();
    let stand_in = StandIn::start().await;
    for (status, code, message, shown) in INTERNAL {
        let error = json!({"message": message, "type": "x", "param": null, "code": code});
        assert_eq!(failure(stand_in.next(Act::error(status, &error))).await.message, shown);
    }
    let error = json!({"message": "Incorrect API key provided", "type": "x", "code": "invalid_api_key"});
    failure(stand_in.next(Act::error(401, &error))).await;
    let log = json!(logs.with("message", "a provider's own words")).to_string();
    for words in ["in organization … on images per min", "Limit 5", "verified", "$120", "drawing '…'"] {
        assert!(log.contains(words), "{words} in {log}");
    }
    for words in ["org-AbC", "proj_9xY", PROMPT, "Incorrect"] {
        assert!(!log.contains(words), "{words} in {log}");
    }
}

#[tokio::test]
async fn message_about_the_request_is_passed_on_redacted() {
    let stand_in = StandIn::start().await;
    let message = format!("'{PROMPT}' asks for too much; see org-AbC");
    let error = json!({"message": message, "type": "invalid_request_error", "code": "invalid_value"});
    let failure = failure(stand_in.next(Act::error(400, &error))).await;
    assert!(failure.message.ends_with(": '…' asks for too much; see …"), "{failure}");
}

#[tokio::test]
async fn wrong_key_is_an_operator_error_and_not_shown() {
    let stand_in = StandIn::start().await;
    let wrong = json!({"apiKey": "sk-canary-wrong-0123456789"});
    let (_, made) = make(&stand_in, &wrong, square(1)).await;
    let failure = made.unwrap_err();
    assert_eq!((failure.class, failure.reason), (ErrorClass::Operator, Reason::Auth));
    let (_, made) = make(&stand_in, &json!({"apiKey": null}), square(1)).await;
    assert_eq!(made.unwrap_err().reason, Reason::Auth);
    assert_eq!((stand_in.refusals().len(), stand_in.paid_calls()), (2, 0));
}

#[tokio::test]
async fn wrong_base_url_is_an_operator_error() {
    let stand_in = StandIn::start().await;
    let base = stand_in.base_url().replace("/v1", "/v2");
    let sink = Kept::default();
    let made = provider(&base, &json!({})).generate(&image_task(square(1)), &sink).await;
    let failure = made.unwrap_err();
    assert_eq!((failure.class, failure.reason), (ErrorClass::Operator, Reason::InvalidRequest));
}
