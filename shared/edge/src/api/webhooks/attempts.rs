//! The bodies and responses of the webhook endpoints.

use domain::jobs::{WebhookEvent, WebhookUrl, WebhookUrlPolicy};
use domain::primitives::NamedValue;
use domain::webhooks::{Attempt, Delivery, DeliveryKey, DeliveryState, WebhookEndpoint};
use domain::{Error, FieldError, JobId, Timestamp, WebhookId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::time::{Rfc3339, rfc3339, rfc3339_or_none};
use crate::api::webhooks::cursor;
use crate::http::json_body::{Fields, message, named, parsed, text};

/// How a webhook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "WebhookState")]
pub enum State {
    /// There will be another attempt, if only once its URL is switched on again.
    Pending,
    /// The receiver has it.
    Delivered,
    /// Every attempt failed, or the receiver wants it no more.
    Failed,
}

impl NamedValue for State {
    const ALL: &'static [Self] = &[Self::Pending, Self::Delivered, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

impl From<DeliveryState> for State {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Delivered => Self::Delivered,
            DeliveryState::GivenUp => Self::Failed,
        }
    }
}

/// The body of `POST /webhooks/redeliver`: which webhooks to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Inclusive lower bound of the event's time.
    pub since: Timestamp,
    /// Exclusive upper bound of the event's time.
    pub until: Timestamp,
    /// Only webhooks in this state; `None` for all states.
    pub state: Option<State>,
    /// Only webhooks after this one.
    pub after: Option<DeliveryKey>,
}

/// Parses the body of `POST /webhooks/redeliver`.
///
/// # Errors
///
/// [`Error::Invalid`] with all field errors.
pub fn parse_range(body: &[u8]) -> Result<Range, Error> {
    let mut fields = Fields::parse(body)?;
    let since = fields.required("since", parsed);
    let until = fields.required("until", parsed);
    let state = fields.optional("status", named);
    let after = fields
        .optional("cursor", |value| cursor::decode(&text(value)?).ok_or_else(|| cursor::INVALID.to_owned()));
    if since.zip(until).is_some_and(|(since, until): (Timestamp, Timestamp)| since >= until) {
        fields.fault("until", "must be later than since");
    }
    fields.finish()?;
    let (Some(since), Some(until)) = (since, until) else {
        return Err(Error::internal("a required field is missing, but no field error was added"));
    };
    Ok(Range { since, until, state, after })
}

/// Parses the body of `POST /webhooks/enable`.
///
/// # Errors
///
/// [`Error::Invalid`].
pub fn parse_enable(body: &[u8], url_policy: WebhookUrlPolicy) -> Result<WebhookUrl, Error> {
    let mut fields = Fields::parse(body)?;
    let url = fields.required("url", |value| WebhookUrl::parse(&text(value)?, url_policy).map_err(message));
    fields.finish()?;
    url.ok_or_else(|| Error::internal("a required field is missing, but no field error was added"))
}

/// Parses the query of `GET /images/status/{jobId}/webhooks`: after which webhook the page begins.
///
/// # Errors
///
/// [`Error::Invalid`] if the cursor is none of `job`.
pub fn parse_page(cursor: Option<&str>, job: JobId) -> Result<Option<WebhookId>, Error> {
    let Some(text) = cursor else { return Ok(None) };
    match cursor::decode(text) {
        Some((of, webhook)) if of == job => Ok(Some(webhook)),
        _ => Err(Error::Invalid(vec![FieldError::new("cursor", cursor::INVALID)])),
    }
}

/// The maximum size of a page of attempts in bytes. Lambda's response has at most 6 MB, in which the body is
/// a JSON string itself: its size here is that of this string.
const MAX_PAGE_BYTES: usize = 4_000_000;

/// The attempts at the webhooks of a job.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookAttemptsResponse")]
pub struct Attempts {
    /// Webhook by webhook, the oldest event first; of each its attempts in their order, the last
    /// hundred at the most.
    attempts: Vec<AttemptListed>,
    /// Where the next page begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One attempt at a webhook.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookAttempt")]
struct AttemptListed {
    /// The `webhook-id`, the same for every attempt at the event.
    webhook_id: WebhookId,
    /// What it tells of.
    event: WebhookEvent,
    /// Which attempt, from 1; 0 stands for a webhook that has not been tried yet.
    attempt: u32,
    /// When it began; for one that has not been tried yet, when the event happened.
    #[serde(serialize_with = "rfc3339")]
    #[schemars(with = "Rfc3339")]
    at: Timestamp,
    /// How the webhook stands by now.
    state: State,
    /// How long the attempt took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    /// The status that the receiver answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// How the receiver's answer began: at most 1 KiB of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Of a webhook's last attempt: when the next one comes, if one does.
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    next_attempt_at: Option<Timestamp>,
}

impl Attempts {
    /// Creates the list of attempts with the webhooks' states at `now`: those of as many deliveries as fit
    /// into a page, and of one at least. `more` says whether the job has further ones.
    #[must_use]
    pub fn new(deliveries: &[Delivery], more: bool, now: Timestamp) -> Self {
        let (mut attempts, mut size, mut last) = (Vec::new(), 0, None);
        for delivery in deliveries {
            let next = listed(delivery, now);
            size += transferred_size(&next);
            if size > MAX_PAGE_BYTES && last.is_some() {
                return Self { attempts, next_cursor: last.map(cursor::encode) };
            }
            attempts.extend(next);
            last = Some((delivery.job_id, delivery.id));
        }
        Self { attempts, next_cursor: last.filter(|_| more).map(cursor::encode) }
    }
}

/// The size of these attempts in Lambda's response, in bytes.
fn transferred_size(attempts: &[AttemptListed]) -> usize {
    let body = serde_json::to_string(attempts).unwrap_or_default();
    serde_json::to_string(&body).unwrap_or_default().len()
}

fn listed(delivery: &Delivery, now: Timestamp) -> Vec<AttemptListed> {
    let entry = |number: u32, at: Timestamp| AttemptListed {
        webhook_id: delivery.id,
        event: delivery.event,
        attempt: number,
        at,
        state: delivery.state.into(),
        duration: None,
        status: None,
        answer: None,
        error: None,
        next_attempt_at: None,
    };
    let mut all: Vec<_> = delivery
        .log
        .iter()
        .map(|attempt: &Attempt| AttemptListed {
            duration: attempt.millis,
            status: attempt.status,
            answer: attempt.answer.clone(),
            error: attempt.error.clone(),
            ..entry(attempt.number, attempt.at)
        })
        .collect();
    if all.is_empty() {
        all.push(entry(0, delivery.happened_at));
    }
    if let Some(last) = all.last_mut() {
        last.next_attempt_at = delivery.next_attempt_at(now);
    }
    all
}

/// The answer to a webhook that is sent again.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RedeliverResponse")]
pub struct Redelivered {
    /// The `webhook-id`: the same as before.
    pub webhook_id: WebhookId,
}

/// The answer to a range of webhooks that are sent again.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RedeliverRangeResponse")]
pub struct RangeRedelivered {
    /// How many are sent again.
    pub count: u32,
    /// Is there if there was no time for all: the `cursor` of another request with the same range, for the
    /// rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The URLs of a client that are switched off.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DisabledUrlsResponse")]
pub struct Disabled {
    /// A hundred of them at the most.
    urls: Vec<DisabledUrl>,
}

/// A URL that is switched off.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DisabledUrl {
    /// The URL.
    url: String,
    /// Since when it is switched off.
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    #[serde(rename = "offSince")]
    disabled_since: Option<Timestamp>,
    /// Since when every attempt has failed.
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    failing_since: Option<Timestamp>,
    /// When one of its webhooks is tried next.
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    next_attempt_at: Option<Timestamp>,
}

impl From<Vec<WebhookEndpoint>> for Disabled {
    fn from(endpoints: Vec<WebhookEndpoint>) -> Self {
        let urls = endpoints.into_iter().map(|endpoint| DisabledUrl {
            url: endpoint.url.url().to_string(),
            disabled_since: endpoint.disabled_since,
            failing_since: endpoint.failing_since,
            next_attempt_at: endpoint.probe_at(),
        });
        Self { urls: urls.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Vec<String> {
        match outcome {
            Err(Error::Invalid(field_errors)) => field_errors.into_iter().map(|error| error.path).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn range_requires_since_before_until() {
        let range = parse_range(br#"{"since":"2026-10-01T00:00:00Z","until":"2026-10-01T02:00:00+01:00"}"#);
        let range = range.unwrap();
        assert_eq!((range.until.since(range.since).as_secs(), range.state), (3600, None));
        let same = r#""2026-10-01T00:00:00Z""#;
        let bad = format!(r#"{{"since":{same},"until":{same},"status":"failed"}}"#);
        assert_eq!(paths(parse_range(bad.as_bytes())), ["until"]);
        let bad = r#"{"since":"2026-10-01T00:00:00Z","until":"2026-10-02T00:00:00Z","cursor":"x"}"#;
        assert_eq!(paths(parse_range(bad.as_bytes())), ["cursor"]);
        assert_eq!(
            paths(parse_range(br#"{"since":"yesterday","status":500}"#)),
            ["since", "until", "status"]
        );
    }

    #[test]
    fn enable_accepts_valid_webhook_urls_only() {
        let enable = |body: &str, url_policy| parse_enable(body.as_bytes(), url_policy);
        assert!(enable(r#"{"url":"https://example.com/hook"}"#, WebhookUrlPolicy::HttpsOnly).is_ok());
        assert!(enable(r#"{"url":"http://127.0.0.1:1/"}"#, WebhookUrlPolicy::AllowLoopbackHttp).is_ok());
        for bad in ["{}", r#"{"url":"http://127.0.0.1:1/"}"#, r#"{"url":7}"#, r#"{"url":null}"#] {
            assert_eq!(paths(enable(bad, WebhookUrlPolicy::HttpsOnly)), ["url"], "{bad}");
        }
    }
}
