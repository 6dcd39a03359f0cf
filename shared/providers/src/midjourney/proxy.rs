//! The protocol of midjourney-proxy, which several servers speak.
//!
//! Nearly every failure is an HTTP 200 with a `code`. Descriptions are for people, often in Chinese, and may
//! quote the prompt: they are ignored and not passed on.

use std::time::Duration;

use bytes::Bytes;
use domain::primitives::Secret;
use domain::providers::{ErrorClass, ProviderError, Reason};
use egress::{
    Client, EgressError, EgressPolicy, Method, PolicyViolation, RequestBuilder, StatusCode, Timeouts,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json_array::{ArraySplitter, InvalidArray};
use super::task::Task;
use crate::call::{self, Answer, BaseUrl};
use crate::reading::lenient;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(30);
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// For the list of all tasks that the proxy remembers. It also limits the length of the list.
const LIST_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Proxy {
    base: BaseUrl,
    secret: Option<Secret>,
    http: Client,
}

/// One of the four images of a grid.
#[derive(Debug, Clone, Copy)]
pub(super) struct GridImage<'a> {
    /// The grid's task.
    pub(super) grid: &'a str,
    /// From 0.
    pub(super) index: u8,
}

#[derive(Debug, Deserialize)]
struct Submitted {
    code: i64,
    #[serde(default)]
    result: Value,
}

impl Submitted {
    /// The task's id, which some proxies send as a number.
    fn task(&self) -> Option<String> {
        match &self.result {
            Value::String(id) if is_id(id) => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// Whether it can be part of a path unescaped.
fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

impl Proxy {
    pub(super) fn new(base: BaseUrl, secret: Option<Secret>) -> Result<Self, egress::EgressError> {
        let secret = secret.filter(|secret| !secret.expose().is_empty());
        let http =
            Client::new(EgressPolicy::Trusted, Timeouts { connect: CONNECT_TIMEOUT, total: LIST_TIMEOUT })?;
        Ok(Self { base, secret, http })
    }

    /// Submits a grid, and returns the task's id. The task also has `state`.
    pub(super) async fn imagine(
        &self,
        prompt: &str,
        state: &str,
        timeout: Duration,
    ) -> Result<String, ProviderError> {
        let body = json!({"prompt": prompt, "base64Array": [], "botType": "MID_JOURNEY", "state": state});
        self.submit("/mj/submit/imagine", &body, ErrorClass::Caller, timeout).await
    }

    /// Submits an upscale of one image of a grid, and returns the task's id.
    pub(super) async fn upscale(
        &self,
        GridImage { grid, index }: GridImage<'_>,
        state: &str,
        timeout: Duration,
    ) -> Result<String, ProviderError> {
        let body = json!({"taskId": grid, "action": "UPSCALE", "index": index + 1, "state": state});
        // The image to upscale is not the caller's choice: a missing grid is the provider's error.
        self.submit("/mj/submit/change", &body, ErrorClass::Provider, timeout).await
    }

    async fn submit(
        &self,
        path: &str,
        body: &Value,
        invalid: ErrorClass,
        timeout: Duration,
    ) -> Result<String, ProviderError> {
        let with = |request: RequestBuilder| request.json(body);
        let answer = self.send(Method::POST, path, with, SUBMIT_TIMEOUT.min(timeout)).await?;
        let submitted = lenient::read::<Submitted>(&answer.body);
        // One proxy answers 404 with a code.
        let by_code = answer.status.is_success() || answer.status == StatusCode::NOT_FOUND;
        match submitted.filter(|_| by_code) {
            Some(submitted) => outcome(&submitted, invalid),
            None if answer.status.is_success() => Err(Answer::unusable("the proxy took a task, or did not")),
            None => {
                let error = status_error(&answer);
                // The proxy may have passed the task on before it failed.
                let possibly_paid = error.class == ErrorClass::Provider;
                Err(if possibly_paid { error.possibly_paid() } else { error })
            }
        }
    }

    /// The task; `None` if the proxy does not know it.
    pub(super) async fn task(&self, id: &str, timeout: Duration) -> Result<Option<Task>, ProviderError> {
        let path = format!("/mj/task/{id}/fetch");
        let answer = self.send(Method::GET, &path, |request| request, FETCH_TIMEOUT.min(timeout)).await?;
        let empty = answer.body.trim_ascii().is_empty() || answer.body.trim_ascii() == b"null";
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() && empty => Ok(None),
            status if status.is_success() => match lenient::read(&answer.body) {
                Some(task) => Ok(Some(task)),
                None => Err(Answer::unusable("the proxy said what is no task")),
            },
            _ => Err(status_error(&answer)),
        }
    }

    /// The grids of the job that the proxy remembers; none if it publishes no list. A list that cannot be
    /// read to its end is an error: its rest may hold a task that was paid for.
    pub(super) async fn grids(&self, job: &str, timeout: Duration) -> Result<Vec<Task>, ProviderError> {
        let invalid =
            |InvalidArray| ProviderError::new(ErrorClass::Provider, Reason::BadResponse, "no list of tasks");
        let reading = async {
            let mut response = self.request(Method::GET, "/mj/task/list")?.send().await?;
            match response.status() {
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                    return Ok(Ok(Vec::new()));
                }
                status if status.is_success() => {}
                status => {
                    let (headers, body) = (response.headers().clone(), Bytes::new());
                    return Ok(Err(status_error(&Answer { status, headers, body })));
                }
            }
            let (mut list, mut grids) = (ArraySplitter::default(), Vec::new());
            while let Some(bytes) = response.chunk().await? {
                let outcome = list.push(&bytes, |element| {
                    let task: Task = lenient::read(element).ok_or(InvalidArray)?;
                    grids.extend(Some(task).filter(|task| task.is_grid_of(job)));
                    Ok(())
                });
                if let Err(problem) = outcome {
                    return Ok(Err(invalid(problem)));
                }
            }
            Ok::<_, EgressError>(if list.is_complete() { Ok(grids) } else { Err(invalid(InvalidArray)) })
        };
        match tokio::time::timeout(LIST_TIMEOUT.min(timeout), reading)
            .await
            .unwrap_or(Err(EgressError::ResponseTimeout))
        {
            Ok(grids) => grids,
            Err(problem) => Err(call::no_answer(problem)),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
        timeout: Duration,
    ) -> Result<Answer, ProviderError> {
        let answer = call::send(self.request(method, path).map(with), timeout, MAX_ANSWER_BYTES).await?;
        Ok(answer.last_event())
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, PolicyViolation> {
        let request = self.http.request(method, &self.base.at(path))?;
        Ok(match &self.secret {
            Some(secret) => request.header("mj-api-secret", secret.expose()),
            None => request,
        })
    }
}

/// The id of a submitted task, or the error that the code means.
fn outcome(submitted: &Submitted, invalid: ErrorClass) -> Result<String, ProviderError> {
    let failed = |fault, reason, message: &str| Err(ProviderError::new(fault, reason, message));
    match submitted.code {
        // Accepted; exists already; is in the proxy's queue.
        1 | 21 | 22 => submitted.task().ok_or_else(|| Answer::unusable("the proxy gave its task no id")),
        3 => match invalid {
            ErrorClass::Caller => {
                failed(ErrorClass::Operator, Reason::Permission, "the proxy has no account that it can use")
            }
            ErrorClass::Internal | ErrorClass::Provider | ErrorClass::Capacity | ErrorClass::Operator => {
                failed(ErrorClass::Provider, Reason::Failed, "the proxy does not know the grid any more")
            }
        },
        4 => failed(invalid, Reason::InvalidRequest, "the proxy does not take such a task"),
        9 => failed(ErrorClass::Provider, Reason::Failed, "the proxy failed"),
        23 => failed(ErrorClass::Capacity, Reason::Overloaded, "the proxy's queue is full"),
        24 => failed(ErrorClass::Caller, Reason::Moderated, "the prompt has a word that Midjourney bans"),
        // A relay uses 5 for "unknown"; other codes are undocumented.
        _ => Err(Answer::unusable("the proxy gave a code that says nothing")),
    }
}

/// The error that the status means.
fn status_error(answer: &Answer) -> ProviderError {
    let status = answer.status.as_u16();
    let (fault, reason) = match status {
        401 | 403 => (ErrorClass::Operator, Reason::Auth),
        402 => (ErrorClass::Operator, Reason::QuotaExhausted),
        429 => (ErrorClass::Capacity, Reason::RateLimited),
        408 | 425 => (ErrorClass::Provider, Reason::Failed),
        status if call::gateway_gave_up(status) => (ErrorClass::Provider, Reason::GatewayTimeout),
        502 | 503 => (ErrorClass::Provider, Reason::Overloaded),
        500.. => (ErrorClass::Provider, Reason::Failed),
        // The address is wrong, or the server there is not a proxy.
        _ => (ErrorClass::Operator, Reason::InvalidRequest),
    };
    let error = ProviderError::new(fault, reason, format!("the proxy answered {status}"));
    match answer.retry_after() {
        Some(after) => error.retry_after(after),
        None => error,
    }
}
