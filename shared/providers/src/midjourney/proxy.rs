//! The protocol of midjourney-proxy, which several servers speak.
//!
//! Nearly every failure comes as HTTP 200 with a `code`. Descriptions are for people, often Chinese ones,
//! and may quote the prompt: nothing is decided by them, and nothing of them is passed on.

use std::time::Duration;

use bytes::Bytes;
use domain::primitives::Secret;
use domain::providers::{FaultOf, ProviderError, Reason};
use egress::{
    Client, EgressError, EgressPolicy, Method, PolicyViolation, RequestBuilder, StatusCode, Timeouts,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::list::{List, NoList};
use super::task::Task;
use crate::call::{self, Answer, BaseUrl};

const CONNECT: Duration = Duration::from_secs(5);
/// How long the proxy may take to take a task.
const SUBMIT: Duration = Duration::from_secs(30);
/// How long it may take to say how a task stands.
const READ: Duration = Duration::from_secs(10);
/// How long it may take to list all tasks that it remembers. It bounds how long the list may be, too.
const LIST: Duration = Duration::from_secs(60);
const LARGEST_ANSWER: usize = 1024 * 1024;

/// A proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    base: BaseUrl,
    secret: Option<Secret>,
    http: Client,
}

#[derive(Debug, Deserialize)]
struct Submitted {
    code: i64,
    #[serde(default)]
    result: Value,
}

impl Submitted {
    /// The task's id, which some give as a number.
    fn task(&self) -> Option<String> {
        match &self.result {
            Value::String(id) if is_id(id) => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// What may stand in a path as it is.
fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

impl Proxy {
    pub(super) fn new(base: BaseUrl, secret: Option<Secret>) -> Result<Self, egress::EgressError> {
        let secret = secret.filter(|secret| !secret.expose().is_empty());
        let http = Client::new(EgressPolicy::Trusted, Timeouts { connect: CONNECT, total: LIST })?;
        Ok(Self { base, secret, http })
    }

    pub(super) const fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// Has a grid drawn, and gives the task's id. `state` comes back with the task.
    pub(super) async fn imagine(
        &self,
        prompt: &str,
        state: &str,
        left: Duration,
    ) -> Result<String, ProviderError> {
        let body = json!({"prompt": prompt, "base64Array": [], "botType": "MID_JOURNEY", "state": state});
        self.submit("/mj/submit/imagine", &body, FaultOf::Caller, left).await
    }

    /// Has one picture of a grid enlarged, from 0, and gives the task's id.
    pub(super) async fn upscale(
        &self,
        (grid, picture): (&str, u8),
        state: &str,
        left: Duration,
    ) -> Result<String, ProviderError> {
        let body = json!({"taskId": grid, "action": "UPSCALE", "index": picture + 1, "state": state});
        // We, not the caller, say what is enlarged: a grid that is gone is the proxy's loss.
        self.submit("/mj/submit/change", &body, FaultOf::Provider, left).await
    }

    async fn submit(
        &self,
        path: &str,
        body: &Value,
        invalid: FaultOf,
        left: Duration,
    ) -> Result<String, ProviderError> {
        let with = |request: RequestBuilder| request.json(body);
        let answer = self.ask(Method::POST, path, with, SUBMIT.min(left), LARGEST_ANSWER).await?;
        let submitted = serde_json::from_slice::<Submitted>(&answer.body).ok();
        // One of them says 404 and the code beside it.
        let by_code = answer.status.is_success() || answer.status == StatusCode::NOT_FOUND;
        match submitted.filter(|_| by_code) {
            Some(submitted) => outcome(&submitted, invalid),
            None if answer.status.is_success() => Err(Answer::unusable("the proxy took a task, or did not")),
            None => {
                let error = refused(&answer);
                // It may have passed the task on before it fell.
                let lost = error.fault == FaultOf::Provider;
                Err(if lost { error.maybe_paid() } else { error })
            }
        }
    }

    /// How a task stands; nothing, if the proxy does not know it.
    pub(super) async fn task(&self, id: &str, left: Duration) -> Result<Option<Task>, ProviderError> {
        let path = format!("/mj/task/{id}/fetch");
        let answer = self.ask(Method::GET, &path, |request| request, READ.min(left), LARGEST_ANSWER).await?;
        let nothing = answer.body.trim_ascii().is_empty() || answer.body.trim_ascii() == b"null";
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() && nothing => Ok(None),
            status if status.is_success() => serde_json::from_slice(&answer.body)
                .map(Some)
                .map_err(|_| Answer::unusable("the proxy said what is no task")),
            _ => Err(refused(&answer)),
        }
    }

    /// The grids of the job that the proxy remembers; none, where it does not tell. Only these are kept of a
    /// list that may be long. One that cannot be read to its end is an error: what stands behind it may
    /// have been paid for.
    pub(super) async fn grids(&self, job: &str, left: Duration) -> Result<Vec<Task>, ProviderError> {
        let no_list = |NoList| ProviderError::new(FaultOf::Provider, Reason::BadResponse, "no list of tasks");
        let reading = async {
            let mut response = self.request(Method::GET, "/mj/task/list")?.send().await?;
            match response.status() {
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                    return Ok(Ok(Vec::new()));
                }
                status if status.is_success() => {}
                status => {
                    let (headers, body) = (response.headers().clone(), Bytes::new());
                    return Ok(Err(refused(&Answer { status, headers, body })));
                }
            }
            let (mut list, mut grids) = (List::default(), Vec::new());
            while let Some(bytes) = response.chunk().await? {
                let taken = list.take(&bytes, |element| {
                    let task: Task = serde_json::from_slice(element).map_err(|_| NoList)?;
                    grids.extend(Some(task).filter(|task| task.is_grid_of(job)));
                    Ok(())
                });
                if let Err(problem) = taken {
                    return Ok(Err(no_list(problem)));
                }
            }
            Ok::<_, EgressError>(if list.is_whole() { Ok(grids) } else { Err(no_list(NoList)) })
        };
        let within = LIST.min(left);
        match tokio::time::timeout(within, reading).await.unwrap_or(Err(EgressError::ResponseTimeout)) {
            Ok(grids) => grids,
            Err(problem) => Err(call::unanswered(problem)),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
        within: Duration,
        max_bytes: usize,
    ) -> Result<Answer, ProviderError> {
        call::ask(self.request(method, path).map(with), within, max_bytes).await
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, PolicyViolation> {
        let request = self.http.request(method, &self.base.at(path))?;
        Ok(match &self.secret {
            Some(secret) => request.header("mj-api-secret", secret.expose()),
            None => request,
        })
    }
}

/// What became of a submission, by its code.
fn outcome(submitted: &Submitted, invalid: FaultOf) -> Result<String, ProviderError> {
    let failed = |fault, reason, message: &str| Err(ProviderError::new(fault, reason, message));
    match submitted.code {
        // Taken; there already; waits in the proxy's queue.
        1 | 21 | 22 => submitted.task().ok_or_else(|| Answer::unusable("the proxy gave its task no id")),
        3 => match invalid {
            FaultOf::Caller => {
                failed(FaultOf::Operator, Reason::Permission, "the proxy has no account that it can use")
            }
            FaultOf::Ours | FaultOf::Provider | FaultOf::Capacity | FaultOf::Operator => {
                failed(FaultOf::Provider, Reason::Failed, "the proxy does not know the grid any more")
            }
        },
        4 => failed(invalid, Reason::InvalidRequest, "the proxy does not take such a task"),
        9 => failed(FaultOf::Provider, Reason::Failed, "the proxy failed"),
        23 => failed(FaultOf::Capacity, Reason::Overloaded, "the proxy's queue is full"),
        24 => failed(FaultOf::Caller, Reason::Moderated, "the prompt has a word that Midjourney bans"),
        // 5 is a relay's word for "unknown", and what else there may be is unknown to us.
        _ => Err(Answer::unusable("the proxy gave a code that says nothing")),
    }
}

/// What an answer means that is no success.
fn refused(answer: &Answer) -> ProviderError {
    let status = answer.status.as_u16();
    let (fault, reason) = match status {
        401 | 403 => (FaultOf::Operator, Reason::Auth),
        402 => (FaultOf::Operator, Reason::QuotaExhausted),
        429 => (FaultOf::Capacity, Reason::RateLimited),
        408 | 425 => (FaultOf::Provider, Reason::Failed),
        502..=504 => (FaultOf::Provider, Reason::Overloaded),
        500.. => (FaultOf::Provider, Reason::Failed),
        // The address is wrong, or what is there is no proxy.
        _ => (FaultOf::Operator, Reason::InvalidRequest),
    };
    let error = ProviderError::new(fault, reason, format!("the proxy answered {status}"));
    match answer.retry_after() {
        Some(after) => error.retry_after(after),
        None => error,
    }
}
