//! `POST /v1/chat/completions`.

use serde_json::{Map, Value, json};

use super::models::{ChatFamily, chat_family};
use super::state::{Act, Refusal, State, act, invalid, refusal, with_end};
use crate::standin::server::Reply;

const FIELDS: [&str; 14] = [
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_completion_tokens",
    "max_tokens",
    "n",
    "stop",
    "response_format",
    "seed",
    "reasoning_effort",
    "stream",
    "user",
    "safety_identifier",
];

pub(super) fn complete(state: &mut State, body: &Value) -> Result<Reply, Refusal> {
    let (model, last, most) = check(state, body)?;
    state.requests.push(body.clone());
    let act = act(state, &last);
    if let Some(Act::Answer(reply)) = act {
        return Ok(reply);
    }
    let reply = format!("You said: {last}");
    let words = reply.split_whitespace().count();
    // Counts a word as a token.
    let complete = words <= most;
    let shown = reply.split_inclusive(' ').take(most).collect::<String>();
    let mut message = json!({"role": "assistant", "content": shown, "refusal": null, "reasoning": "…"});
    let mut finish = json!(if complete { "stop" } else { "length" });
    match act {
        Some(Act::Refusal) => {
            message["content"] = Value::Null;
            message["refusal"] = json!("I'm sorry, I can't help with that.");
        }
        Some(Act::Thought) => {
            message["content"] = json!("");
            finish = json!("length");
        }
        Some(Act::Cut(why)) => {
            message["content"] = json!("You sa");
            finish = json!(why);
        }
        Some(Act::NoFinish) => finish = Value::Null,
        _ => {}
    }
    let choices = match act {
        Some(Act::None) => json!([]),
        _ => json!([{"index": 0, "finish_reason": finish, "logprobs": null, "message": message}]),
    };
    let reply = Reply::json(
        200,
        &json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_795_380_911, "model": model,
            "choices": choices, "system_fingerprint": "fp_standin",
        }),
    );
    Ok(with_end(reply, act))
}

/// The model, the last message, and the most words of the reply.
fn check(state: &State, body: &Value) -> Result<(String, String, usize), Refusal> {
    let empty = Map::new();
    let fields = body.as_object().unwrap_or(&empty);
    let model = fields.get("model").and_then(Value::as_str).unwrap_or_default();
    let family = chat_family(model, &state.withdrawn).ok_or_else(|| {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        refusal(404, "invalid_request_error", Some("model_not_found"), None, &message)
    })?;
    let local = family == ChatFamily::Local;
    let unknown = fields.keys().find(|name| !FIELDS.contains(&name.as_str()));
    if let Some(unknown) = unknown.filter(|_| !local) {
        let message = format!("Unknown parameter: '{unknown}'.");
        return Err(invalid(Some("unknown_parameter"), Some(unknown), &message));
    }
    if family == ChatFamily::Reasoning {
        if fields.contains_key("max_tokens") {
            let message = "Unsupported parameter: 'max_tokens' is not supported with this model. \
                           Use 'max_completion_tokens' instead.";
            return Err(invalid(Some("unsupported_parameter"), Some("max_tokens"), message));
        }
        if fields.get("temperature").is_some_and(|temperature| temperature.as_f64() != Some(1.0)) {
            let message = "Unsupported value: 'temperature' does not support this value with this model.";
            return Err(invalid(Some("unsupported_value"), Some("temperature"), message));
        }
    }
    let messages = fields.get("messages").and_then(Value::as_array).filter(|list| !list.is_empty());
    let messages = messages.ok_or_else(|| invalid(None, Some("messages"), "[] is too short - 'messages'"))?;
    for message in messages {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if !["developer", "system", "user", "assistant"].contains(&role) || !message["content"].is_string() {
            return Err(invalid(Some("invalid_value"), Some("messages"), "Invalid value in 'messages'."));
        }
    }
    let number = |value: &Value| value.as_f64().is_some_and(|value| (0.0..=2.0).contains(&value));
    let whole = |value: &Value| value.as_u64().is_some_and(|value| value >= 1);
    let bounded = [
        ("temperature", &number as &dyn Fn(&Value) -> bool),
        ("max_tokens", &whole),
        ("max_completion_tokens", &whole),
    ];
    for (name, fits) in bounded {
        if fields.get(name).is_some_and(|value| !fits(value)) {
            return Err(invalid(Some("invalid_value"), Some(name), &format!("Invalid '{name}'.")));
        }
    }
    let last = messages.last().and_then(|message| message["content"].as_str()).unwrap_or_default();
    // Ollama does not know the newer name of the limit.
    let names: &[&str] = if local { &["max_tokens"] } else { &["max_completion_tokens", "max_tokens"] };
    let most = names.iter().find_map(|name| fields.get(*name)).and_then(Value::as_u64);
    Ok((model.to_owned(), last.to_owned(), most.map_or(usize::MAX, |most| most as usize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_refuses_numbers_out_of_range() {
        let body = |name: &str, value: Value| {
            let mut body = json!({"model": "gpt-4.1", "messages": [{"role": "user", "content": "kite"}]});
            body[name] = value;
            check(&State::default(), &body).map(|(_, _, most)| most).map_err(|refusal| refusal.status)
        };
        assert_eq!(body("temperature", json!(2)), Ok(usize::MAX));
        assert_eq!(body("max_completion_tokens", json!(1)), Ok(1));
        for (name, value) in [
            ("temperature", json!(2.1)),
            ("temperature", json!(-0.1)),
            ("temperature", json!("1")),
            ("max_tokens", json!(0)),
            ("max_tokens", json!(1.5)),
            ("max_completion_tokens", json!("9")),
            ("max_completion_tokens", json!(-1)),
        ] {
            assert_eq!(body(name, value.clone()), Err(400), "{name}: {value}");
        }
    }
}
