//! The HTTP API, as far as the client verbs use it.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A deployment, and the key to it.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: Client,
    base: String,
    key: String,
}

/// What the API says of a job. Fields that only pass through stay in `rest`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    pub(crate) job_id: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) progress: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<JobError>,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) images: Vec<Image>,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

/// One image of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) url: String,
    pub(crate) format: String,
    pub(crate) hash: String,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

/// Why there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobError {
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
struct RefusalError {
    code: String,
    message: String,
    details: Option<Value>,
    #[serde(rename = "traceId")]
    trace_id: Option<String>,
}

/// The answer to a question that may be asked again.
pub(crate) enum Answer {
    Job(Box<Job>),
    /// Not now: the network, the server, or a limit.
    Later(Duration, anyhow::Error),
}

impl Api {
    /// The deployment at `url`, which may or may not end in the API's own path.
    pub(crate) fn new(url: &str, key: &str) -> Result<Self> {
        let http = Client::builder()
            // A redirect to another host would take the key along.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(60))
            .build()
            .context("cannot set up HTTP")?;
        Ok(Self { http, base: base(url)?, key: key.to_owned() })
    }

    /// A request with the key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).header("x-api-key", &self.key)
    }

    /// What is said to a request that is sent once.
    pub(crate) async fn take<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = request.send().await?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        response.json().await.context("the answer is not what the API's contract says")
    }

    /// Sends a request to which nothing is said.
    pub(crate) async fn done(&self, request: RequestBuilder) -> Result<()> {
        let response = request.send().await?;
        if response.status().is_success() { Ok(()) } else { Err(refusal(response).await) }
    }

    /// Hands in a job.
    pub(crate) async fn generate(&self, body: &Value) -> Result<Job> {
        let request = self.http.post(format!("{}/images/generate", self.base));
        let response = request.header("x-api-key", &self.key).json(body).send().await?;
        match response.status().is_success() {
            true => response.json().await.context("the answer is not a job"),
            false => Err(refusal(response).await),
        }
    }

    /// Asks how far a job is.
    pub(crate) async fn status(&self, job: &str) -> Result<Answer> {
        let request = self.http.get(format!("{}/images/status/{job}", self.base));
        let response = match request.header("x-api-key", &self.key).send().await {
            Ok(response) => response,
            Err(error) => return Ok(Answer::Later(Duration::from_secs(1), error.into())),
        };
        let status = response.status();
        if status.is_success() {
            return Ok(Answer::Job(Box::new(response.json().await.context("the answer is not a job")?)));
        }
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let wait = Duration::from_secs(asked.unwrap_or(1));
        let error = refusal(response).await;
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Ok(Answer::Later(wait, error));
        }
        Err(error)
    }

    /// Fetches an image; it needs no key.
    pub(crate) async fn download(&self, url: &str) -> Result<Vec<u8>> {
        let response = self.http.get(url).send().await?.error_for_status()?;
        Ok(response.bytes().await?.to_vec())
    }
}

/// The API's own words on why it did not do it.
async fn refusal(response: Response) -> anyhow::Error {
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    let Ok(Refusal { error }) = serde_json::from_str(&text) else {
        return anyhow!("the server answered {status}: {}", text.trim());
    };
    let mut said = format!("{} ({})", error.message, error.code);
    for fault in error.details.as_ref().and_then(Value::as_array).into_iter().flatten() {
        if let (Some(path), Some(message)) = (fault["path"].as_str(), fault["message"].as_str()) {
            said += &format!("\n  {path}: {message}");
        }
    }
    if let Some(trace) = error.trace_id.filter(|_| status.is_server_error()) {
        said += &format!("\n  trace {trace}");
    }
    anyhow!(said)
}

fn base(url: &str) -> Result<String> {
    let parsed = url::Url::parse(url).ok().filter(|parsed| matches!(parsed.scheme(), "http" | "https"));
    let parsed = parsed.with_context(|| format!("not an http(s) address: {url}"))?;
    let bare = parsed.as_str().trim_end_matches('/');
    Ok(if bare.ends_with("/api/v1") { bare.to_owned() } else { format!("{bare}/api/v1") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_with_or_without_the_apis_path() {
        for url in ["http://a:1", "http://a:1/", "http://a:1/api/v1", "http://a:1/api/v1/"] {
            assert_eq!(base(url).unwrap(), "http://a:1/api/v1", "{url}");
        }
        assert!(base("a:1").is_err() && base("ftp://a").is_err());
    }

    #[test]
    fn a_job_passes_on_what_it_does_not_know() {
        let text = r#"{"jobId":"1","status":"queued","progress":7,"provider":"sandbox"}"#;
        let job: Job = serde_json::from_str(text).unwrap();
        let shown = serde_json::to_value(job).unwrap();
        assert_eq!((&shown["provider"], &shown["progress"]), (&"sandbox".into(), &7.into()));
    }
}
