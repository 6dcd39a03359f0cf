//! The client of OpenAI and compatible services: sends and reads JSON, and classifies every failure.

use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use domain::primitives::Secret;
use domain::providers::{ErrorClass, ProviderError, Reason};
use egress::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use egress::{AllowedHost, Client, EgressError, EgressPolicy, PolicyViolation, RequestBuilder, Timeouts};
use serde::Serialize;
use tracing::info;

use super::error::{self, ApiError};
use crate::call::{self, Answer, BaseUrl};
use crate::picture_urls::PictureUrls;
use crate::redact::redact;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct ApiClient {
    client: Client,
    base: BaseUrl,
    key: Option<Secret>,
    headers: HeaderMap,
    timeout: Duration,
}

/// The limits and the private words of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallContext<'a> {
    /// When an answer is of no more use.
    pub(crate) deadline: Timestamp,
    /// The user's words that are sent: they stay out of messages and logs.
    pub(crate) private: &'a [&'a str],
    /// The most bytes of the answer.
    pub(crate) max_bytes: usize,
}

impl ApiClient {
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub(super) fn new(base: BaseUrl, key: Option<Secret>, timeout: Duration) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        if let Some(key) = &key {
            if key.expose().trim().is_empty() {
                return Err("apiKey is empty; leave it out for a server that asks for none".to_owned());
            }
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
                .map_err(|_| "apiKey has characters that no header can have")?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let timeouts = Timeouts { connect: CONNECT_TIMEOUT, total: timeout };
        let problem = |problem: EgressError| problem.to_string();
        Ok(Self {
            client: Client::new(EgressPolicy::Trusted, timeouts).map_err(problem)?,
            base,
            key,
            headers,
            timeout,
        })
    }

    /// Gets `path` below the base URL, and returns the body of a success.
    pub(crate) async fn get(&self, path: &str, call: CallContext<'_>) -> Result<Bytes, ProviderError> {
        let request = self.client.get(&self.base.at(path));
        self.send(request.map(|request| request.headers(self.headers.clone())), call).await
    }

    /// Posts `body` to `path` below the base URL, and returns the body of a success.
    pub(super) async fn post(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
        call: CallContext<'_>,
    ) -> Result<Bytes, ProviderError> {
        let request = self.client.post(&self.base.at(path));
        self.send(request.map(|request| request.headers(self.headers.clone()).json(body)), call).await
    }

    async fn send(
        &self,
        request: Result<RequestBuilder, PolicyViolation>,
        call: CallContext<'_>,
    ) -> Result<Bytes, ProviderError> {
        let answer = call::send(request, self.timeout(call), call.max_bytes).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        Err(self.failure(&answer, call))
    }

    /// Where the pictures of `provider` may be: at this service's own origin, and at the hosts `also`.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub(super) fn picture_urls(
        &self,
        provider: &'static str,
        also: Vec<AllowedHost>,
    ) -> Result<PictureUrls, String> {
        let urls = PictureUrls::new(provider, self.base.at(""), self.headers.clone(), also);
        urls.map_err(|problem| problem.to_string())
    }

    /// The error of a success with an unusable body: the body may hold an API error instead.
    pub(crate) fn unusable(&self, body: &[u8], problem: &str, call: CallContext<'_>) -> ProviderError {
        self.in_place_of_images(body, call).unwrap_or_else(|| Answer::unusable(problem))
    }

    /// The API error in the body of a success, if there is one.
    pub(super) fn in_place_of_images(&self, body: &[u8], call: CallContext<'_>) -> Option<ProviderError> {
        ApiError::read(body, call.private).map(|error| self.classify(200, &error, None, call))
    }

    fn failure(&self, answer: &Answer, call: CallContext<'_>) -> ProviderError {
        let error = ApiError::read(&answer.body, call.private).unwrap_or_default();
        let should_retry = answer.header("x-should-retry").and_then(|text| text.parse().ok());
        let failure = self.classify(answer.status.as_u16(), &error, should_retry, call);
        match retry_after_ms(answer).or_else(|| answer.retry_after()) {
            Some(pause) => failure.retry_after(pause),
            None => failure,
        }
    }

    /// Classifies the error. A message about the service itself or the operator's account goes to the log
    /// only.
    fn classify(
        &self,
        status: u16,
        error: &ApiError,
        should_retry: Option<bool>,
        call: CallContext<'_>,
    ) -> ProviderError {
        let said = redact(&error.message, self.key.as_ref(), call.private);
        let failure = error::classify(status, error, &said, should_retry);
        // A message about a key quotes from it.
        if failure.class != ErrorClass::Caller && failure.reason != Reason::Auth && !said.is_empty() {
            info!(status, reason = ?failure.reason, said, "a provider's own words");
        }
        failure
    }

    /// How long one call may take.
    pub(super) fn timeout(&self, call: CallContext<'_>) -> Duration {
        self.timeout.min(call.deadline.since(Timestamp::now()))
    }
}

/// Reads `retry-after-ms`, which OpenAI's own libraries obey before `Retry-After`.
fn retry_after_ms(answer: &Answer) -> Option<Duration> {
    let millis: f64 = answer.header("retry-after-ms")?.trim().parse().ok()?;
    (millis > 0.0)
        .then(|| Duration::from_secs_f64((millis / 1000.0).min(call::MAX_RETRY_AFTER.as_secs_f64())))
}
