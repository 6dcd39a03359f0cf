//! Chat: the body of `POST /chat/new`, the query of `GET /chat/{sessionId}`, and their responses.

use domain::chat::{
    ChatMessage, ChatRequest, MaxTokens, Message, PREVIOUS_LIMIT, Page, Role, Session, Temperature, Text,
};
use domain::images::Prompt;
use domain::jobs::{GenerateRequest, WebhookUrlPolicy};
use domain::primitives::Priority;
use domain::{Error, FieldError, Job, JobId, MessageId, SessionId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::API;
use crate::api::images::image_options;
use crate::api::images::job_response::JobResponse;
use crate::api::time::{Rfc3339, rfc3339};
use crate::http::json_body::{Fields, message, named, number, parsed, text, whole};
use crate::http::request::Request;

/// The default number of messages of a page.
const PAGE: usize = 50;

/// The maximum number of messages of a page.
const PAGE_LIMIT: usize = 100;

/// Parses the body of `POST /chat/new`.
///
/// # Errors
///
/// [`Error::Invalid`] with all field errors.
pub fn parse(body: &[u8], url_policy: WebhookUrlPolicy) -> Result<ChatRequest, Error> {
    let mut fields = Fields::parse(body)?;
    let user = fields.required("userId", parsed);
    let session = fields.optional("sessionId", parsed);
    let prompt = image_options::prompt(&mut fields);
    let image = fields.object("imageGeneration", |image| {
        let enabled =
            image.optional("enabled", |value| value.as_bool().ok_or("must be true or false".into()));
        let options = image_options::image_options(image);
        let webhook = image_options::webhook(image, url_policy);
        let metadata = image_options::metadata(image);
        enabled.unwrap_or(true).then_some((options, webhook, metadata))
    });
    let context = fields.object("chatContext", context).unwrap_or_default();
    fields.finish()?;

    let (Some(user), Some(prompt)) = (user, prompt) else {
        return Err(Error::internal("a required field is missing, but no field error was added"));
    };
    let wanted = |prompt: Prompt| {
        let (options, webhook, metadata) = image.flatten()?;
        let picture = options.of(prompt);
        Some(GenerateRequest { user, session, picture, priority: Priority::Normal, webhook, metadata })
    };
    Ok(ChatRequest {
        user,
        session,
        image: wanted(prompt.clone()),
        prompt,
        previous: context.previous,
        temperature: context.temperature.unwrap_or(Temperature::DEFAULT),
        max_tokens: context.max_tokens.unwrap_or(MaxTokens::MOST),
    })
}

#[derive(Default)]
struct Context {
    previous: Vec<ChatMessage>,
    temperature: Option<Temperature>,
    max_tokens: Option<MaxTokens>,
}

fn context(fields: &mut Fields<'_>) -> Context {
    let previous = fields.objects("previousMessages", 0..=PREVIOUS_LIMIT, |entry| {
        let role = entry.required("role", named::<Role>);
        let content = entry.required("content", |value| Text::try_from(text(value)?).map_err(message));
        // Validated but not used: providers get the order of the messages, not their times.
        let _: Option<Timestamp> = entry.optional("timestamp", parsed);
        Some(ChatMessage { role: role?, content: content? })
    });
    Context {
        previous: previous.into_iter().flatten().flatten().flatten().collect(),
        temperature: fields.optional("temperature", |value| {
            number(&value).and_then(|number| Temperature::try_from(number).map_err(message))
        }),
        max_tokens: fields.optional("maxTokens", |value| {
            whole(&value).and_then(|number: u16| MaxTokens::try_from(number).map_err(message))
        }),
    }
}

/// The query of `GET /chat/{sessionId}`: which messages of a session to return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    pub limit: usize,
    /// The page begins after this message; at the oldest message for `None`.
    pub after: Option<MessageId>,
}

/// Parses the query of `GET /chat/{sessionId}`.
///
/// # Errors
///
/// [`Error::Invalid`] with all field errors.
pub fn page(request: &Request) -> Result<PageRequest, Error> {
    page_of(request.query("limit"), request.query("cursor"))
}

pub(crate) fn page_of(limit: Option<&str>, cursor: Option<&str>) -> Result<PageRequest, Error> {
    let mut field_errors = Vec::new();
    let limit =
        limit.map_or(Some(PAGE), |text| text.parse().ok().filter(|limit| (1..=PAGE_LIMIT).contains(limit)));
    if limit.is_none() {
        field_errors.push(FieldError::new("limit", format!("must be a whole number from 1 to {PAGE_LIMIT}")));
    }
    // The id of the last message of the previous page. For callers the cursor is opaque.
    let after: Option<Option<MessageId>> = cursor.map_or(Some(None), |text| text.parse().ok().map(Some));
    if after.is_none() {
        field_errors.push(FieldError::new("cursor", "must be a nextCursor of this session"));
    }
    match (limit, after) {
        (Some(limit), Some(after)) => Ok(PageRequest { limit, after }),
        (None, _) | (_, None) => Err(Error::Invalid(field_errors)),
    }
}

/// Returns the path of `GET /chat/{sessionId}` for this session.
#[must_use]
pub fn session_url(session: SessionId) -> String {
    format!("{API}/chat/{session}")
}

/// The answer to a turn.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatResponse {
    /// The session: to go on with it, and to read it.
    session_id: SessionId,
    /// The id of the reply.
    message_id: MessageId,
    chat_response: ReplyBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_generation_job: Option<JobResponse>,
}

/// What was said to the message.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Reply")]
struct ReplyBody {
    /// The words.
    content: String,
    role: Role,
    /// When it was said.
    #[serde(serialize_with = "rfc3339")]
    #[schemars(with = "Rfc3339")]
    timestamp: Timestamp,
}

impl ChatResponse {
    /// Creates the response with `reply` and the image job that belongs to the message, if any.
    #[must_use]
    pub fn new(session: SessionId, reply: &Message, job: Option<&Job>) -> Self {
        Self {
            session_id: session,
            message_id: reply.id,
            chat_response: ReplyBody {
                content: reply.content.as_str().to_owned(),
                role: reply.role,
                timestamp: reply.timestamp,
            },
            image_generation_job: job.map(JobResponse::from),
        }
    }
}

/// A session, and some of what was said in it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionResponse {
    /// The session's id.
    session_id: SessionId,
    /// Whose it is.
    user_id: UserId,
    /// When it began.
    #[serde(serialize_with = "rfc3339")]
    #[schemars(with = "Rfc3339")]
    created_at: Timestamp,
    /// The oldest first.
    messages: Vec<MessageBody>,
    /// Where the next page begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One message of a session.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Message")]
struct MessageBody {
    /// The message's id.
    id: MessageId,
    role: Role,
    /// What was said.
    content: String,
    /// When it was said.
    #[serde(serialize_with = "rfc3339")]
    #[schemars(with = "Rfc3339")]
    timestamp: Timestamp,
    /// The job that makes its images, if any are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<JobId>,
}

impl SessionResponse {
    /// Creates the response with `session` and the messages of `page`.
    #[must_use]
    pub fn new(session: &Session, page: &Page) -> Self {
        let body = |message: &Message| MessageBody {
            id: message.id,
            role: message.role,
            content: message.content.as_str().to_owned(),
            timestamp: message.timestamp,
            job_id: message.job_id,
        };
        Self {
            session_id: session.id,
            user_id: session.user_id,
            created_at: session.created_at,
            messages: page.messages.iter().map(body).collect(),
            next_cursor: page.next.map(|id| id.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const USER: &str = "0190b8a0-0000-7000-8000-000000000001";

    fn read(more: Value) -> Result<ChatRequest, Error> {
        let mut body = json!({"userId": USER, "prompt": "a kite"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parse(body.to_string().as_bytes(), WebhookUrlPolicy::HttpsOnly)
    }

    fn error_paths(more: Value) -> Vec<String> {
        match read(more) {
            Err(Error::Invalid(field_errors)) => field_errors.into_iter().map(|error| error.path).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn missing_fields_get_defaults() {
        let request = read(json!({"sessionId": null, "chatContext": {"temperature": null}, "x": 1})).unwrap();
        assert_eq!((request.session, request.image, request.previous.len()), (None, None, 0));
        assert_eq!((request.temperature.get(), request.max_tokens.get()), (0.7, 4000));
    }

    #[test]
    fn image_generation_is_enabled_unless_false_or_null() {
        let wanted = |image: Value| read(json!({ "imageGeneration": image })).unwrap().image;
        let image = wanted(json!({"count": 2, "metadata": {"a": 1.0}})).unwrap();
        assert_eq!((image.picture.count.get(), image.picture.prompt.as_str()), (2, "a kite"));
        assert_eq!(image.metadata.unwrap().json(), r#"{"a":1.0}"#);
        assert!(wanted(json!({})).is_some() && wanted(json!({"enabled": true})).is_some());
        assert!(wanted(json!({"enabled": false})).is_none() && wanted(json!(null)).is_none());
    }

    #[test]
    fn previous_messages_keep_their_order() {
        let messages = json!([{"role": "system", "content": "be brief", "timestamp": "2026-01-01T00:00:00Z"},
            {"role": "assistant", "content": "hm"}]);
        let context = json!({"previousMessages": messages, "temperature": 2, "maxTokens": 10.0});
        let request = read(json!({ "chatContext": context })).unwrap();
        let previous: Vec<_> =
            request.previous.iter().map(|message| (message.role, message.content.as_str())).collect();
        assert_eq!(previous, [(Role::System, "be brief"), (Role::Assistant, "hm")]);
        assert_eq!((request.temperature.get(), request.max_tokens.get()), (2.0, 10));
    }

    #[test]
    fn all_field_errors_are_reported_with_whole_path() {
        let image = json!({"enabled": "no", "size": "1x1", "count": 5, "webhookUrl": "http://example.com",
            "webhookEvents": ["job.completed", 1], "metadata": []});
        let messages = json!([{"role": "user", "content": "x"}, {"role": "bot", "content": ""}, 3,
            {"timestamp": "yesterday"}]);
        let context = json!({"previousMessages": messages, "temperature": 2.1, "maxTokens": 4001});
        let body = json!({"userId": 1, "sessionId": "x", "prompt": " ", "imageGeneration": image,
            "chatContext": context});
        assert_eq!(
            error_paths(body),
            [
                "userId",
                "sessionId",
                "prompt",
                "imageGeneration.enabled",
                "imageGeneration.size",
                "imageGeneration.count",
                "imageGeneration.webhookUrl",
                "imageGeneration.webhookEvents[1]",
                "imageGeneration.metadata",
                "chatContext.previousMessages[1].role",
                "chatContext.previousMessages[1].content",
                "chatContext.previousMessages[2]",
                "chatContext.previousMessages[3].role",
                "chatContext.previousMessages[3].content",
                "chatContext.previousMessages[3].timestamp",
                "chatContext.temperature",
                "chatContext.maxTokens",
            ]
        );
        assert_eq!(
            error_paths(json!({"chatContext": 1, "imageGeneration": []})),
            ["imageGeneration", "chatContext"]
        );
        let many = vec![json!({"role": "user", "content": "x"}); PREVIOUS_LIMIT + 1];
        let context = json!({"previousMessages": many, "maxTokens": 0, "temperature": "warm"});
        let paths =
            ["previousMessages", "temperature", "maxTokens"].map(|name| format!("chatContext.{name}"));
        assert_eq!(error_paths(json!({ "chatContext": context })), paths);
    }

    proptest! {
        #[test]
        fn parse_never_panics_on_bytes(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&body, WebhookUrlPolicy::HttpsOnly);
        }

        #[test]
        fn parse_never_panics_on_json(
            field in "(userId|sessionId|prompt|imageGeneration|chatContext)",
            inner in "(enabled|count|metadata|webhookEvents|previousMessages|temperature|maxTokens)",
            value in crate::api::images::generate::tests::any_json(),
        ) {
            let _ = read(json!({ field.clone(): value.clone() }));
            let _ = read(json!({ field: { inner: value } }));
        }
    }
}
