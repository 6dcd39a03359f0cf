//! Types that only describe request bodies. Their doc comments are descriptions in the OpenAPI document.
//!
//! A parser reads a body field by field, so that it can report all field errors at once; no type is
//! deserialized from a body as a whole. These types describe the same bodies for authors of clients. A test
//! compares them with the parsers: every field, every bound, every enum value.

pub mod addons;

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::Timestamp;
use domain::access::{ClientId, Endpoint, MAX_LIMIT, MAX_OVERLAP, NAME_LIMIT, Scope};
use domain::chat::{PREVIOUS_LIMIT, Role, TEXT_LIMIT};
use domain::images::{COUNT_LIMIT, PROMPT_LIMIT, ProviderChoice, Quality, Size, Style};
use domain::jobs::{BATCH_LIMIT, WEBHOOK_URL_LIMIT, WebhookEvent};
use domain::primitives::{NamedValue as _, Priority, SessionId, UserId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::api::time::Rfc3339;
use crate::api::webhooks::attempts::State;
use crate::api::webhooks::secret::OVERLAP;
use crate::http::json_body::LIST_LIMIT;

/// Matches one character that is not Unicode white space. `\S` differs between dialects of regular
/// expressions: that of JavaScript, which JSON Schema refers to, matches U+0085. The characters stand for themselves: RE2 and PCRE have no `\u2028`, JavaScript has no `\x{2028}`.
pub(super) const NOT_BLANK: &str =
    "[^\\t-\\r \u{85}\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}]";

/// Matches a webhook URL: `https:` in any letters, without user and password, blanks and control characters, and with no
/// port 0.
pub const WEBHOOK_URL_PATTERN: &str = r"^[Hh][Tt][Tt][Pp][Ss]://(\[[0-9A-Fa-f:.]+\]|[^\x00-\x20/?#@\\\x7F:]+)(:([0-9]*[1-9][0-9]*)?)?([/?#][^\x00-\x20\x7F]*)?$";

/// Matches a webhook URL of a local cloud: `http:` to this computer, too.
pub const LOCAL_WEBHOOK_URL_PATTERN: &str = concat!(
    r"^([Hh][Tt][Tt][Pp][Ss]://(\[[0-9A-Fa-f:.]+\]|[^\x00-\x20/?#@\\\x7F:]+)(:([0-9]*[1-9][0-9]*)?)?",
    r"|[Hh][Tt][Tt][Pp]://([Ll][Oo][Cc][Aa][Ll][Hh][Oo][Ss][Tt]|127(\.[0-9]{1,3}){3}|\[::1\])(:([0-9]*[1-9][0-9]*)?)?)",
    r"([/?#][^\x00-\x20\x7F]*)?$",
);

/// An image job.
#[derive(JsonSchema)]
#[schemars(rename = "GenerateRequest", rename_all = "camelCase")]
pub struct GenerateBody {
    /// The person for whom it is, as the client names people.
    pub user_id: UserId,
    /// The chat session that it belongs to.
    pub session_id: Option<SessionId>,
    /// What to draw. Not blank.
    #[schemars(length(min = 1, max = PROMPT_LIMIT), regex(pattern = NOT_BLANK))]
    pub prompt: String,
    /// How it should look.
    #[schemars(flatten)]
    pub look: ImageOptions,
    /// Whose turn it is.
    #[schemars(extend("default" = "normal"))]
    pub priority: Option<Priority>,
    /// Whom to tell.
    #[schemars(flatten)]
    pub webhook: Webhook,
    /// What to give back.
    #[schemars(flatten)]
    pub metadata: Metadata,
}

/// Up to 100 image jobs.
#[derive(JsonSchema)]
#[schemars(rename = "BatchRequest", rename_all = "camelCase")]
pub struct BatchBody {
    /// The person for whom they are, as the client names people.
    pub user_id: UserId,
    /// What to make, in this order.
    #[schemars(length(min = 1, max = BATCH_LIMIT))]
    pub jobs: Vec<BatchJob>,
    /// Whom to tell.
    #[schemars(flatten)]
    pub webhook: Webhook,
}

/// One job of a batch.
#[derive(JsonSchema)]
pub struct BatchJob {
    /// What to draw. Not blank.
    #[schemars(length(min = 1, max = PROMPT_LIMIT), regex(pattern = NOT_BLANK))]
    pub prompt: String,
    /// How it should look.
    #[schemars(flatten)]
    pub look: ImageOptions,
    /// Whose turn it is.
    #[schemars(extend("default" = "normal"))]
    pub priority: Option<Priority>,
    /// What to give back.
    #[schemars(flatten)]
    pub metadata: Metadata,
}

/// A chat message.
#[derive(JsonSchema)]
#[schemars(rename = "ChatRequest", rename_all = "camelCase")]
pub struct ChatBody {
    /// The person who writes, as the client names people.
    pub user_id: UserId,
    /// The session to continue; without it a new one begins.
    pub session_id: Option<SessionId>,
    /// The message. Not blank.
    #[schemars(length(min = 1, max = PROMPT_LIMIT), regex(pattern = NOT_BLANK))]
    pub prompt: String,
    /// Whether, and how, to make images of the message. Left out, none are made.
    pub image_generation: Option<ImageGeneration>,
    /// What the reply should know.
    pub chat_context: Option<ChatContext>,
}

/// The image job of a chat message.
#[derive(JsonSchema)]
pub struct ImageGeneration {
    /// Whether to make images.
    #[schemars(extend("default" = true))]
    pub enabled: Option<bool>,
    /// How they should look.
    #[schemars(flatten)]
    pub look: ImageOptions,
    /// Whom to tell.
    #[schemars(flatten)]
    pub webhook: Webhook,
    /// What to give back.
    #[schemars(flatten)]
    pub metadata: Metadata,
}

/// What a reply should know, and how it should be.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct ChatContext {
    /// What was said before, where the platform does not know it from the session.
    #[schemars(length(max = PREVIOUS_LIMIT))]
    pub previous_messages: Option<Vec<PreviousMessage>>,
    /// How free the reply may be.
    #[schemars(range(min = 0, max = 2), extend("default" = 0.7))]
    pub temperature: Option<f64>,
    /// How long the reply may be.
    #[schemars(range(min = 1, max = 4000), extend("default" = 4000))]
    pub max_tokens: Option<u16>,
}

/// A message that was said before.
#[derive(JsonSchema)]
pub struct PreviousMessage {
    /// Who said it.
    pub role: Role,
    /// What was said.
    #[schemars(length(min = 1, max = TEXT_LIMIT))]
    pub content: String,
    /// When it was said.
    #[schemars(with = "Option<Rfc3339>")]
    pub timestamp: Option<String>,
}

/// How images should look. In other types only.
#[derive(JsonSchema)]
pub struct ImageOptions {
    /// Who makes them.
    #[schemars(extend("default" = "automatic"))]
    pub provider: Option<ProviderChoice>,
    /// Width and height, in pixels.
    #[schemars(extend("default" = "512x512"))]
    pub size: Option<Size>,
    /// How many.
    #[schemars(range(min = 1, max = COUNT_LIMIT), extend("default" = 1))]
    pub count: Option<u8>,
    /// How much care is taken.
    #[schemars(extend("default" = "standard"))]
    pub quality: Option<Quality>,
    /// The look of them.
    pub style: Option<Style>,
}

/// Whom to tell. In other types only.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Webhook {
    /// Where webhooks go: an `https:` URL without user and password; the host name in any letters.
    #[schemars(
        length(max = WEBHOOK_URL_LIMIT), regex(pattern = WEBHOOK_URL_PATTERN), extend("format" = "iri")
    )]
    pub webhook_url: Option<String>,
    /// For which events; left out, for the three endings.
    #[schemars(length(max = LIST_LIMIT))]
    pub webhook_events: Option<Vec<WebhookEvent>>,
}

/// What to give back. In other types only.
#[derive(JsonSchema)]
pub struct Metadata {
    /// Any object of at most 4096 bytes and 32 levels; it is given back unchanged.
    pub metadata: Option<BTreeMap<String, Value>>,
}

/// For whom a token should be.
#[derive(JsonSchema)]
#[schemars(rename = "TokenRequest", rename_all = "camelCase")]
pub struct TokenBody {
    /// The person for whom the token acts.
    pub user_id: UserId,
    /// What it allows, at most what the key allows. Left out: all of that but what ends in `:admin`.
    #[schemars(length(min = 1, max = LIST_LIMIT), extend("items" = words(Scope::ALL.iter().copied().filter(|scope| !scope.is_admin()))))]
    pub scopes: Option<Vec<Scope>>,
    /// How long it is good, in seconds.
    #[schemars(range(min = 1, max = 3600), extend("default" = 3600))]
    pub expires_in: Option<u16>,
}

/// A key to be made.
#[derive(JsonSchema)]
#[schemars(rename = "KeyRequest", rename_all = "camelCase")]
pub struct KeyBody {
    /// Whose key it is. Left out: the caller's own client; another only with the scope `clients:admin`.
    pub client_id: Option<ClientId>,
    /// A name for people.
    #[schemars(length(min = 1, max = NAME_LIMIT))]
    pub name: String,
    /// What it allows; the caller must have all of it. `addons:admin` and `clients:admin` are for keys of the
    /// client `operator` alone. Left out: `chat`, `images:write` and `images:read`.
    #[schemars(length(min = 1, max = LIST_LIMIT))]
    pub scopes: Option<Vec<Scope>>,
    /// How many requests pass in 60 seconds, for endpoints where the client is to have a limit of its own.
    /// Only with the scope `clients:admin`.
    pub limits: Option<ClientLimits>,
}

fn words(scopes: impl Iterator<Item = Scope>) -> Value {
    json!({"type": "string", "enum": scopes.map(Scope::as_str).collect::<Vec<_>>()})
}

/// Requests per 60 seconds, by endpoint. The schema is inlined.
pub struct ClientLimits;

impl JsonSchema for ClientLimits {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Limits".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT});
        let each = Endpoint::ALL.iter().map(|endpoint| (endpoint.as_str().to_owned(), limit.clone()));
        let each: serde_json::Map<_, _> = each.collect();
        json_schema!({"type": "object", "properties": each, "additionalProperties": false})
    }
}

/// How to replace a key.
#[derive(JsonSchema)]
#[schemars(rename = "RotateRequest", rename_all = "camelCase")]
pub struct RotateBody {
    /// How long the old key stays good, in seconds: at most a week.
    #[schemars(range(max = MAX_OVERLAP.as_secs()), extend("default" = 0))]
    pub overlap_seconds: Option<u32>,
}

/// Which webhooks to send again.
#[derive(JsonSchema)]
#[schemars(rename = "RedeliverRequest")]
pub struct RangeBody {
    /// Those whose event happened then or later,
    #[schemars(with = "Rfc3339")]
    pub since: Timestamp,
    /// and before then: later than `since`.
    #[schemars(with = "Rfc3339")]
    pub until: Timestamp,
    /// Only those that stand so.
    pub status: Option<State>,
    /// Only those that an earlier request with the same range had no time for: its `nextCursor`.
    #[schemars(extend("format" = "cursor"))]
    pub cursor: Option<String>,
}

/// Which URL to switch on.
#[derive(JsonSchema)]
#[schemars(rename = "EnableRequest")]
pub struct EnableBody {
    /// The URL, as it stood in `webhookUrl`.
    #[schemars(
        length(max = WEBHOOK_URL_LIMIT), regex(pattern = WEBHOOK_URL_PATTERN), extend("format" = "iri")
    )]
    pub url: String,
}

/// How to replace a webhook secret.
#[derive(JsonSchema)]
#[schemars(rename = "RotateSecretRequest", rename_all = "camelCase")]
pub struct SecretRotateBody {
    /// How long the old secret signs too, in seconds: at most a week.
    #[schemars(range(max = MAX_OVERLAP.as_secs()), extend("default" = OVERLAP.as_secs()))]
    pub overlap_seconds: Option<u32>,
}
