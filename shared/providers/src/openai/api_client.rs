//! The way to OpenAI and its like: JSON there, JSON back, and every failure understood.

use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use domain::provider::{FaultOf, ProviderError, Reason};
use domain::secret::Secret;
use egress::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use egress::{Base, Client, Downloader, Limits, Problem, Reach, Refused, RequestBuilder, Timeouts};
use serde::Serialize;
use tracing::info;

use super::fault::{self, Complaint};
use crate::call::{self, Answer, BaseUrl};
use crate::redact::redact;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest picture behind a URL.
const LONGEST_PICTURE: usize = 32 << 20;

pub(crate) struct Wire {
    client: Client,
    downloader: Downloader,
    base: BaseUrl,
    key: Option<Secret>,
    headers: HeaderMap,
    timeout: Duration,
}

/// What holds for one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// When an answer is of no more use.
    pub(super) deadline: Timestamp,
    /// The user's words that are sent, which stay out of messages and logs.
    pub(super) private: &'a [&'a str],
    /// The most bytes that its answer may have.
    pub(super) longest: usize,
}

impl Wire {
    /// The way to the service at `base`, or what is wrong with the settings.
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
        let timeouts = Timeouts { connect: CONNECT, total: timeout };
        let problem = |problem: Problem| problem.to_string();
        Ok(Self {
            client: Client::new(Reach::Configured, timeouts).map_err(problem)?,
            downloader: Downloader::new().map_err(problem)?,
            base,
            key,
            headers,
            timeout,
        })
    }

    /// Asks for what is at `path` below the base, and gives back what a success answers.
    pub(super) async fn get(&self, path: &str, call: Call<'_>) -> Result<Bytes, ProviderError> {
        let request = self.client.get(&self.base.at(path));
        self.exchange(request.map(|request| request.headers(self.headers.clone())), call).await
    }

    /// Sends `body` to `path` below the base, and gives back what a success answers.
    pub(super) async fn post(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
        call: Call<'_>,
    ) -> Result<Bytes, ProviderError> {
        let request = self.client.post(&self.base.at(path));
        self.exchange(request.map(|request| request.headers(self.headers.clone()).json(body)), call).await
    }

    async fn exchange(
        &self,
        request: Result<RequestBuilder, Refused>,
        call: Call<'_>,
    ) -> Result<Bytes, ProviderError> {
        let answer = call::ask(request, self.patience(call), call.longest).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let complaint = Complaint::read(&answer.body).unwrap_or_default();
        Err(self.explain(&answer, &complaint, call))
    }

    /// The picture behind `url`, which the service has given.
    pub(super) async fn download(&self, url: &str, call: Call<'_>) -> Result<Bytes, ProviderError> {
        let base = self.base.at("");
        let Ok(url) = base.join(url) else {
            return Err(Answer::unusable("the address of a picture in the answer is no URL"));
        };
        let limits = Limits { max_bytes: LONGEST_PICTURE, timeout: self.patience(call) };
        let base = Base { url: &base, headers: &self.headers };
        self.downloader.get(&url, limits, Some(base)).await.map_err(|problem| {
            let failure = call::unanswered(problem);
            let message = format!("a picture could not be fetched: {}", failure.message);
            let (fault, reason) = match problem {
                // It has lapsed or was never there, and the picture is paid for: another would be paid
                // for too, and its URL be no better.
                Problem::Status(401 | 403 | 404 | 410) => (FaultOf::Caller, failure.reason),
                // The next time it may be there.
                Problem::Status(408 | 425 | 429 | 500..) => (FaultOf::Provider, Reason::NoAnswer),
                Problem::Status(_)
                | Problem::Refused(_)
                | Problem::NoConnection
                | Problem::NoConnectionInTime
                | Problem::NoAnswerInTime
                | Problem::Broken
                | Problem::TooLong(_)
                | Problem::BadJson
                | Problem::Redirects
                | Problem::NotBuilt => (FaultOf::Provider, failure.reason),
            };
            ProviderError { fault, reason, message, ..failure }.maybe_paid()
        })
    }

    /// A success whose answer is none: it may tell of a failure all the same.
    pub(super) fn unusable(&self, body: &[u8], problem: &str, call: Call<'_>) -> ProviderError {
        match Complaint::read(body) {
            Some(complaint) => self.told(200, &complaint, None, call),
            None => Answer::unusable(problem),
        }
    }

    fn explain(&self, answer: &Answer, complaint: &Complaint, call: Call<'_>) -> ProviderError {
        let should_retry = answer.header("x-should-retry").and_then(|text| text.parse().ok());
        let failure = self.told(answer.status.as_u16(), complaint, should_retry, call);
        match pause_in_millis(answer).or_else(|| answer.retry_after()) {
            Some(pause) => failure.retry_after(pause),
            None => failure,
        }
    }

    /// What the complaint means. What the service says of itself or the operator's account stands in
    /// the log alone.
    fn told(
        &self,
        status: u16,
        complaint: &Complaint,
        should_retry: Option<bool>,
        call: Call<'_>,
    ) -> ProviderError {
        let said = redact(&complaint.message, self.key.as_ref(), call.private);
        let failure = fault::explain(status, complaint, &said, should_retry);
        // What is said of a key quotes from it.
        if failure.fault != FaultOf::Caller && failure.reason != Reason::Auth && !said.is_empty() {
            info!(status, reason = ?failure.reason, said, "a provider's own words");
        }
        failure
    }

    fn patience(&self, call: Call<'_>) -> Duration {
        self.timeout.min(call.deadline.since(Timestamp::now()))
    }
}

/// The finer spelling of `Retry-After`, which OpenAI's own libraries obey first.
fn pause_in_millis(answer: &Answer) -> Option<Duration> {
    let millis: f64 = answer.header("retry-after-ms")?.trim().parse().ok()?;
    (millis > 0.0)
        .then(|| Duration::from_secs_f64((millis / 1000.0).min(call::MAX_RETRY_AFTER.as_secs_f64())))
}
