//! Whose fault an answer is: what a service says counts, what it quotes does not, and a refusal may stand in
//! an answer with status 200.

use domain::Timestamp;
use domain::chat::{ChatMessage, ChatTask, MaxTokens, Role, Temperature, Text};
use domain::images::WarningKind;
use domain::providers::{ChatProvider as _, ErrorClass, Reason};
use testkit::standin::Reply;
use testkit::standin::openai::Act;

use super::*;
use crate::openai::chat::Chat;
use crate::own_words::{TRIGGERS, spellings};

/// The answers that quote a prompt, and the errors that they are all the same.
fn quoting(prompt: &str) -> Vec<(Reply, ErrorClass, Reason)> {
    use ErrorClass::{Caller, Capacity, Operator, Provider};
    let invalid = "invalid_request_error";
    let error = |status, kind: &str, code: Value| {
        let message = format!("Invalid prompt '{prompt}': unsupported script");
        Reply::json(status, &json!({"error": {"message": message, "type": kind, "code": code}}))
    };
    vec![
        (error(400, invalid, Value::Null), Caller, Reason::InvalidRequest),
        (error(400, invalid, json!("invalid_value")), Caller, Reason::InvalidRequest),
        (error(400, "image_generation_user_error", Value::Null), Caller, Reason::InvalidRequest),
        (error(422, "", json!(422)), Caller, Reason::InvalidRequest),
        (error(404, "", Value::Null), Operator, Reason::InvalidRequest),
        (error(429, "requests", Value::Null), Capacity, Reason::RateLimited),
        (error(500, "", Value::Null), Provider, Reason::Failed),
        (Reply::json(400, &json!({"error": format!("bad: {prompt}")})), Caller, Reason::InvalidRequest),
        (Reply::json(400, &json!({"detail": format!("bad: {prompt}")})), Caller, Reason::InvalidRequest),
        (Reply::json(200, &json!({"error": format!("bad: {prompt}")})), Provider, Reason::BadResponse),
    ]
}

#[tokio::test]
async fn quoted_prompt_does_not_decide_the_class_of_an_image_call() {
    let stand_in = StandIn::start().await;
    // One client for all: it takes a while to set up.
    let openai = provider(&stand_in.base_url(), &json!({}));
    for prompt in [TRIGGERS, "draw a billing quota sign", "a ghost that does not exist"] {
        let picture = Picture { prompt: Prompt::try_from(prompt.to_owned()).unwrap(), ..square(1) };
        for spelling in spellings(prompt) {
            for (reply, class, reason) in quoting(&spelling) {
                let shown = format!("{reply:?}");
                stand_in.next(Act::Answer(reply));
                let made = openai.generate(&image_task(picture.clone()), &Kept::default()).await;
                let failure = made.unwrap_err();
                assert_eq!((failure.class, failure.reason), (class, reason), "{shown}");
                assert!(failure.warnings.is_empty(), "{shown}");
            }
        }
    }
}

#[tokio::test]
async fn quoted_message_does_not_decide_the_class_of_a_chat() {
    let stand_in = StandIn::start().await;
    let settings = json!({"baseUrl": stand_in.base_url(), "apiKey": KEY, "model": "gpt-5.6-luna",
        "tokenField": "max_completion_tokens"});
    let chat = Chat::new(serde_json::from_value(settings).unwrap()).unwrap();
    let said = |role, text: &str| ChatMessage { role, content: Text::try_from(text.to_owned()).unwrap() };
    for (reply, class, reason) in quoting(TRIGGERS) {
        // The words stand in an earlier message, not in the last one.
        let task = ChatTask {
            messages: vec![
                said(Role::User, TRIGGERS),
                said(Role::Assistant, "yes"),
                said(Role::User, "go on"),
            ],
            temperature: Temperature::try_from(0.3).unwrap(),
            max_tokens: MaxTokens::try_from(50).unwrap(),
            deadline: Timestamp::now() + std::time::Duration::from_secs(20),
        };
        let shown = format!("{reply:?}");
        stand_in.next(Act::Answer(reply));
        let failure = chat.reply(&task).await.unwrap_err();
        assert_eq!((failure.class, failure.reason), (class, reason), "{shown}");
    }
}

#[tokio::test]
async fn refusal_in_a_success_is_the_callers_at_once() {
    let stand_in = StandIn::start().await;
    for item in [
        json!({"b64_json": "", "url": "", "respect_moderation": false}),
        json!({"error": {"code": "content_policy_violation"}}),
        json!({"error": {"code": "content_policy_violation", "message": "no"}, "b64_json": null}),
        json!({"finish_reason": "content_filter"}),
        json!({"finishReason": "SAFETY", "b64_json": ""}),
        json!({"content_filter_results": {"violence": {"filtered": true, "severity": "high"}}}),
    ] {
        let reply = Reply::json(200, &json!({"created": 1, "data": [item]}));
        let failure = failure(stand_in.next(Act::Spoil(reply))).await;
        let expected = (ErrorClass::Caller, Reason::Moderated, true);
        assert_eq!((failure.class, failure.reason, failure.possibly_paid), expected, "{item}");
    }
    let error = json!({"code": "moderation_blocked", "message": "safety_violations=[violence]"});
    let beside = Reply::json(200, &json!({"data": [], "error": error}));
    let failure = failure(stand_in.next(Act::Spoil(beside))).await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Caller, Reason::Moderated));
    assert_eq!(failure.warnings[0].kind, WarningKind::Violence);
}

#[tokio::test]
async fn error_in_a_success_is_a_useless_answer_and_never_lack_of_capacity() {
    let stand_in = StandIn::start().await;
    for error in [
        json!({"code": "rate_limit_exceeded", "message": "slow"}),
        json!({"code": "server_is_overloaded"}),
        json!({"type": "service_unavailable_error"}),
        json!({"code": "server_error", "type": "server_error"}),
        json!({"code": 429, "message": "Too many requests"}),
        json!({"message": "no billing quota for a model that does not exist"}),
        json!("it failed"),
        json!(7),
    ] {
        for body in [
            json!({"error": error}),
            json!({"data": [{"error": error}]}),
            json!({"data": [], "error": error}),
            json!({"data": {"error": error}}),
            json!({"data": null, "error": error}),
        ] {
            let failure = failure(stand_in.next(Act::Spoil(Reply::json(200, &body)))).await;
            assert_eq!(
                (failure.class, failure.reason),
                (ErrorClass::Provider, Reason::BadResponse),
                "{body}"
            );
            assert!(failure.possibly_paid && failure.is_useless_answer(), "{body}");
            assert_eq!(failure.retry_after, None, "{body}");
        }
    }
    // An item says nothing about the operator's account.
    let item = Reply::json(200, &json!({"data": [{"error": {"code": "model_not_found"}}]}));
    assert!(failure(stand_in.next(Act::Spoil(item))).await.is_useless_answer());
}

#[tokio::test]
async fn invalid_request_or_refusal_in_a_success_is_the_callers_at_once() {
    let stand_in = StandIn::start().await;
    for (error, reason) in [
        (json!({"message": "no such size", "type": "invalid_request_error"}), Reason::InvalidRequest),
        (json!({"code": "invalid_prompt"}), Reason::InvalidRequest),
        (json!({"code": 400, "message": "bad"}), Reason::InvalidRequest),
        (json!({"type": "invalid_request_error", "message": "our safety system"}), Reason::Moderated),
        (json!({"type": "content_policy_violation"}), Reason::Moderated),
        (json!({"code": "moderation_blocked", "type": "server_error"}), Reason::Moderated),
    ] {
        for body in [json!({"error": error}), json!({"data": [{"error": error}]})] {
            let failure = failure(stand_in.next(Act::Spoil(Reply::json(200, &body)))).await;
            assert_eq!((failure.class, failure.reason), (ErrorClass::Caller, reason), "{body}");
            assert!(failure.possibly_paid && failure.is_refusal(), "{body}");
        }
    }
}

#[tokio::test]
async fn empty_success_holds_no_image_and_speaks_not_against_the_service() {
    use domain::providers::BreakerEffect;
    let stand_in = StandIn::start().await;
    for data in [
        json!([]),
        json!([{}]),
        json!([{"b64_json": "", "url": ""}]),
        json!([{"b64_json": null, "error": null, "respect_moderation": true}]),
        json!([{"finish_reason": "stop"}]),
    ] {
        let reply = Reply::json(200, &json!({"created": 1, "data": data}));
        let failure = failure(stand_in.next(Act::Spoil(reply))).await;
        assert_eq!((failure.class, failure.reason), (ErrorClass::Provider, Reason::NoImage), "{data}");
        assert_eq!(failure.policy().breaker, BreakerEffect::Answered);
    }
}

#[tokio::test]
async fn refused_image_leaves_the_others_of_its_answer() {
    let stand_in = StandIn::start().await;
    let act = Act::Wrapped(|answer| {
        let mut answer = answer.clone();
        answer["data"][1] = json!({"error": {"code": "content_policy_violation"}});
        Reply::json(200, &answer)
    });
    let (kept, made) = make(stand_in.next(act), &json!({}), square(3)).await;
    assert_eq!((kept.images().len(), made.unwrap_err().reason), (2, Reason::Moderated));
    assert_eq!((stand_in.paid_calls(), kept.more_calls()), (1, Vec::new()));
}

#[tokio::test]
async fn useless_answers_of_concurrent_calls_are_two_and_counted_together() {
    let stand_in = StandIn::start().await;
    stand_in.always(Some(Act::EmptyItems));
    let settings = json!({"models": {"gpt_image": "dall-e-3"}, "concurrency": 3});
    let (_, made) = make(&stand_in, &settings, square(3)).await;
    let failure = made.unwrap_err();
    assert_eq!((failure.reason, failure.calls, stand_in.paid_calls()), (Reason::NoImage, 2, 2));
}

#[tokio::test]
async fn call_with_several_empty_items_is_one_useless_answer() {
    let stand_in = StandIn::start().await;
    let (_, made) = make(stand_in.next(Act::EmptyItems), &json!({}), square(4)).await;
    let failure = made.unwrap_err();
    assert_eq!((failure.reason, failure.calls), (Reason::NoImage, 1));
}
