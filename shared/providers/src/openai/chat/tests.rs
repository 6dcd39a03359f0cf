use std::time::Duration;

use domain::Timestamp;
use domain::chat::{MaxTokens, Role, Temperature, Text};
use proptest::prelude::*;
use serde_json::json;
use testkit::standin::Reply as Http;
use testkit::standin::openai::{Act, KEY, OpenAi as StandIn};

use super::*;

const SECRET_WORDS: &str = "my canary secret";

fn task(most: u16) -> ChatTask {
    let said = |role, text: &str| ChatMessage { role, content: Text::try_from(text.to_owned()).unwrap() };
    ChatTask {
        messages: vec![
            said(Role::System, "be brief"),
            said(Role::User, "hello"),
            said(Role::Assistant, "hi"),
            said(Role::User, SECRET_WORDS),
        ],
        temperature: Temperature::try_from(0.3).unwrap(),
        max_tokens: MaxTokens::try_from(most).unwrap(),
        deadline: Timestamp::now() + Duration::from_secs(5),
    }
}

/// The provider with these settings, at the stand-in.
fn chat(stand_in: &StandIn, settings: &Value) -> Chat {
    let mut all = json!({"apiKey": KEY, "baseUrl": stand_in.base_url(), "model": "llama3.2"});
    for (name, value) in settings.as_object().unwrap() {
        all[name] = value.clone();
    }
    Chat::new(serde_json::from_value(all).unwrap()).unwrap()
}

async fn ask(stand_in: &StandIn, settings: &Value, most: u16) -> Result<String, ProviderError> {
    let reply = chat(stand_in, settings).reply(&task(most)).await;
    if let Err(failure) = &reply {
        let shown = format!("{failure:?} {failure}");
        assert!(!shown.contains(KEY) && !shown.contains("canary"), "{shown}");
    }
    reply
}

#[tokio::test]
async fn local_model_gets_only_fields_that_it_knows() {
    let stand_in = StandIn::start().await;
    assert_eq!(ask(&stand_in, &json!({}), 300).await.unwrap(), format!("You said: {SECRET_WORDS}"));
    assert_eq!(
        stand_in.requests(),
        [json!({
            "model": "llama3.2", "temperature": 0.3, "max_tokens": 300,
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": "hi"},
                {"role": "user", "content": SECRET_WORDS},
            ],
        })]
    );
}

#[tokio::test]
async fn reasoning_model_gets_no_temperature_and_the_token_field() {
    let stand_in = StandIn::start().await;
    let settings = json!({"model": "gpt-5.6-luna", "tokenField": "max_completion_tokens"});
    ask(&stand_in, &settings, 50).await.unwrap();
    let body = stand_in.requests().remove(0);
    assert_eq!((&body["max_completion_tokens"], body.get("max_tokens")), (&json!(50), None));
    assert_eq!(body.get("temperature"), None);
}

#[tokio::test]
async fn temperature_can_be_disabled() {
    let stand_in = StandIn::start().await;
    ask(&stand_in, &json!({"temperature": false}), 50).await.unwrap();
    assert_eq!(stand_in.requests()[0].get("temperature"), None);
}

#[test]
fn invalid_settings_are_refused() {
    let base = json!({"baseUrl": "http://127.0.0.1:11434/v1", "model": "llama3.2"});
    let new = |name: &str, value: Value| {
        let mut settings = base.clone();
        settings[name] = value;
        serde_json::from_value(settings).map_err(|error| error.to_string()).and_then(Chat::new)
    };
    assert!(new("apiKey", json!(null)).is_ok());
    for (name, value) in [("apiKey", json!("")), ("timeoutSeconds", json!(0))] {
        assert!(new(name, value).is_err(), "{name}");
    }
}

#[test]
fn openai_gets_max_completion_tokens() {
    let field = |base: &str| {
        let settings = json!({"apiKey": KEY, "baseUrl": base, "model": "gpt-4.1"});
        let chat = Chat::new(serde_json::from_value(settings).unwrap()).unwrap();
        serde_json::to_value(chat.body(&task(9))).unwrap()["max_completion_tokens"].clone()
    };
    assert_eq!(field("https://api.openai.com/v1"), json!(9));
    assert_eq!(field("https://api.openai.com.example/v1"), Value::Null);
    assert_eq!(field("http://127.0.0.1:11434/v1"), Value::Null);
}

#[tokio::test]
async fn wrongly_configured_fields_are_operator_errors() {
    let stand_in = StandIn::start().await;
    for settings in [
        json!({"model": "gpt-5.6-luna", "tokenField": "max_tokens"}),
        json!({"model": "gpt-5.6-luna", "tokenField": "max_completion_tokens", "temperature": true}),
    ] {
        let failure = ask(&stand_in, &settings, 50).await.unwrap_err();
        assert_eq!((failure.class, failure.reason), (ErrorClass::Operator, Reason::InvalidRequest));
    }
    assert_eq!(stand_in.refusals().len(), 2);
}

#[tokio::test]
async fn refusals_are_caller_errors() {
    for act in [Act::Refusal, Act::Cut("content_filter")] {
        let stand_in = StandIn::start().await;
        let failure = ask(stand_in.next(act.clone()), &json!({}), 50).await.unwrap_err();
        assert_eq!((failure.class, failure.reason), (ErrorClass::Caller, Reason::Moderated), "{act:?}");
    }
}

#[tokio::test]
async fn cut_reply_is_returned_and_an_empty_one_fails() {
    let stand_in = StandIn::start().await;
    assert_eq!(ask(&stand_in, &json!({}), 2).await.unwrap(), "You said: ");
    for act in [Act::Cut("length"), Act::Cut("abort"), Act::NoFinish] {
        assert!(ask(stand_in.next(act), &json!({}), 50).await.unwrap().starts_with("You sa"));
    }
    for act in [Act::Thought, Act::None] {
        let failure = ask(stand_in.next(act), &json!({}), 50).await.unwrap_err();
        assert_eq!((failure.class, failure.reason), (ErrorClass::Provider, Reason::BadResponse), "{failure}");
    }
}

#[tokio::test]
async fn errors_of_all_shapes_are_classified() {
    let gone = (ErrorClass::Operator, Reason::ModelGone);
    for (status, body, class) in [
        (401, json!({"error": "Unauthorized"}), (ErrorClass::Operator, Reason::Auth)),
        (
            404,
            json!({"error": {"message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404}}),
            gone,
        ),
        (
            404,
            json!({"error": {"message": "model 'x' not found", "type": "not_found_error", "param": null, "code": null}}),
            gone,
        ),
        (
            400,
            json!({"object": "error", "message": "extra", "type": "BadRequestError", "param": null, "code": 400}),
            (ErrorClass::Caller, Reason::InvalidRequest),
        ),
        (
            429,
            json!({"error": {"message": "x", "type": "insufficient_quota"}}),
            (ErrorClass::Operator, Reason::QuotaExhausted),
        ),
        (
            500,
            json!({"error": {"message": "x", "type": "api_error"}}),
            (ErrorClass::Provider, Reason::Failed),
        ),
        (200, json!({"error": "out of memory"}), (ErrorClass::Provider, Reason::BadResponse)),
    ] {
        let stand_in = StandIn::start().await;
        let reply = Http::json(status, &body);
        let failure = ask(stand_in.next(Act::Answer(reply)), &json!({}), 50).await.unwrap_err();
        assert_eq!((failure.class, failure.reason), class, "{body}");
    }
}

#[tokio::test]
async fn error_message_shows_nothing_of_the_chat() {
    let stand_in = StandIn::start().await;
    let message = format!("'be brief' / 'hello' / 'hi' / '{SECRET_WORDS}' are too long");
    let error = json!({"message": message, "type": "invalid_request_error"});
    let failure = ask(stand_in.next(Act::error(400, &error)), &json!({}), 50).await.unwrap_err();
    assert!(failure.message.ends_with(": '…' / '…' / '…' / '…' are too long"), "{failure}");
}

#[tokio::test]
async fn wrong_key_and_missing_model_are_operator_errors() {
    let stand_in = StandIn::start().await;
    for (settings, reason) in [
        (json!({"apiKey": "sk-canary-wrong"}), Reason::Auth),
        (json!({"apiKey": null}), Reason::Auth),
        (json!({"model": "llama9"}), Reason::ModelGone),
    ] {
        let failure = ask(&stand_in, &settings, 50).await.unwrap_err();
        assert_eq!((failure.class, failure.reason), (ErrorClass::Operator, reason), "{settings}");
    }
}

#[tokio::test]
async fn late_or_incomplete_answers_fail() {
    for (act, reason) in [
        (Act::Silence, Reason::Timeout),
        (Act::Stall, Reason::Timeout),
        (Act::BreakOff, Reason::BadResponse),
        (Act::Answer(Http::html(200)), Reason::BadResponse),
        (Act::Answer(Http::new(200, "application/json", "")), Reason::BadResponse),
        (
            Act::Answer(Http::new(200, "application/json", vec![b' '; MAX_ANSWER_BYTES + 1])),
            Reason::BadResponse,
        ),
        (Act::Answer(Http::html(502)), Reason::Failed),
    ] {
        let stand_in = StandIn::start().await;
        stand_in.next(act);
        let task = ChatTask { deadline: Timestamp::now() + Duration::from_millis(700), ..task(50) };
        let failure = chat(&stand_in, &json!({})).reply(&task).await.unwrap_err();
        assert_eq!((failure.class, failure.reason), (ErrorClass::Provider, reason));
    }
}

#[test]
fn reply_joins_its_text_parts() {
    let reply = |content: Value| {
        let choice = json!({"message": {"role": "assistant", "content": content, "reasoning": "…"}});
        reply_text(serde_json::from_value(json!({"choices": [choice], "new": 1})).unwrap())
    };
    let parts = json!([{"type": "text", "text": "a "}, {"type": "image"}, {"type": "text", "text": "kite"}]);
    assert_eq!(reply(parts).unwrap(), "a kite");
    for empty in [json!(null), json!(" \n"), json!([]), json!({"text": "x"}), json!(7)] {
        assert_eq!(reply(empty).unwrap_err().reason, Reason::BadResponse);
    }
}

proptest! {
    #[test]
    fn no_answer_panics(content in ".{0,20}", finish in ".{0,12}", n in 0usize..3) {
        let choice = json!({"message": {"content": content, "refusal": null}, "finish_reason": finish});
        let choices: Vec<_> = std::iter::repeat_n(choice, n).collect();
        if let Ok(answer) = serde_json::from_value(json!({"choices": choices})) {
            let _ = reply_text(answer);
        }
    }
}

#[tokio::test]
async fn reply_in_an_event_stream_is_put_together() {
    let delta = |delta: Value, finish: Value| {
        format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
    };
    let said = [
        delta(json!({"role": "assistant", "content": ""}), json!(null)),
        delta(json!({"content": "Good "}), json!(null)),
        delta(json!({"content": "day"}), json!(null)),
        delta(json!({}), json!("stop")),
        "data: {\"choices\": [], \"usage\": {}}\n\ndata: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let whole = format!("data: {}\n\n", json!({"choices": [{"message": {"content": "Good day"}}]}));
    let marked = format!("\u{feff}{}", json!({"choices": [{"message": {"content": "Good day"}}]}));
    for body in [said, whole, marked] {
        let stand_in = StandIn::start().await;
        stand_in.next(Act::Spoil(Http::new(200, "text/event-stream", body.clone())));
        assert_eq!(ask(&stand_in, &json!({}), 50).await.unwrap(), "Good day", "{body}");
    }
    let refused = delta(json!({"refusal": "no"}), json!("stop"));
    let error = "data: {\"error\": {\"code\": \"insufficient_quota\", \"message\": \"x\"}}\n\n";
    for (body, reason) in [(refused.as_str(), Reason::Moderated), (error, Reason::QuotaExhausted)] {
        let stand_in = StandIn::start().await;
        stand_in.next(Act::Spoil(Http::new(200, "text/event-stream", body)));
        assert_eq!(ask(&stand_in, &json!({}), 50).await.unwrap_err().reason, reason, "{body}");
    }
}
