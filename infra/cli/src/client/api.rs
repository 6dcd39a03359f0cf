//! The HTTP API, as far as the client verbs use it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::job::{Batch, Job, Page, Turn};
use super::refusal::Refused;

/// A deployment, and the key to it.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: Client,
    base: String,
    key: String,
}

/// The answer to a question that may be asked again.
pub(crate) enum Answer<T> {
    Said(T),
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
            return Err(Refused::read(response).await.into());
        }
        response.json().await.context("the answer is not what the API's contract says")
    }

    /// Sends a request to which nothing is said.
    pub(crate) async fn done(&self, request: RequestBuilder) -> Result<()> {
        let response = request.send().await?;
        if response.status().is_success() { Ok(()) } else { Err(Refused::read(response).await.into()) }
    }

    /// What is said to a request that has the same effect however often it is sent.
    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<Answer<T>> {
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Ok(Answer::Later(Duration::from_secs(1), error.into())),
        };
        let status = response.status();
        if status.is_success() {
            let said = response.json().await.context("the answer is not what the API's contract says")?;
            return Ok(Answer::Said(said));
        }
        let asked: Option<u64> =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let error = Refused::read(response).await.into();
        // A conflict that passes is one with another run of the very same request.
        let passing = status.is_server_error()
            || status == StatusCode::TOO_MANY_REQUESTS
            || (status == StatusCode::CONFLICT && asked.is_some());
        if passing { Ok(Answer::Later(Duration::from_secs(asked.unwrap_or(1)), error)) } else { Err(error) }
    }

    /// Hands in a job.
    pub(crate) async fn generate(&self, body: &Value) -> Result<Job> {
        self.take(self.request(Method::POST, "/images/generate").json(body)).await
    }

    /// Says something in a chat.
    pub(crate) async fn chat(&self, body: &Value) -> Result<Turn> {
        self.take(self.request(Method::POST, "/chat/new").json(body)).await
    }

    /// Asks how far a job is: now, or when it ends if that is within `wait`.
    pub(crate) async fn status(&self, job: &str, wait: Duration) -> Result<Answer<Job>> {
        let request = self.request(Method::GET, &format!("/images/status/{job}"));
        match wait.as_secs() {
            0 => self.ask(request).await,
            seconds => self.ask(request.header("prefer", format!("wait={seconds}"))).await,
        }
    }

    /// Some jobs, the newest first.
    pub(crate) async fn jobs(&self, query: &[(&str, String)]) -> Result<Page> {
        let mut words = url::form_urlencoded::Serializer::new(String::new());
        let words = words.extend_pairs(query).finish();
        self.take(self.request(Method::GET, &format!("/images/jobs?{words}"))).await
    }

    /// Ends a job.
    pub(crate) async fn cancel(&self, job: &str) -> Result<()> {
        self.done(self.request(Method::DELETE, &format!("/images/cancel/{job}"))).await
    }

    /// Hands in several jobs. With the same `key` it is the same batch, however often it is sent.
    pub(crate) async fn batch(&self, body: &Value, key: &str) -> Result<Answer<Batch>> {
        let request = self.request(Method::POST, "/images/batch");
        self.ask(request.header("idempotency-key", key).json(body)).await
    }

    /// Asks how far the jobs of a batch are.
    pub(crate) async fn batch_status(&self, batch: &str) -> Result<Answer<Batch>> {
        self.ask(self.request(Method::GET, &format!("/images/batch/{batch}/status"))).await
    }

    /// Fetches an image; it needs no key.
    pub(crate) async fn download(&self, url: &str) -> Result<Vec<u8>> {
        let response = self.http.get(url).send().await?.error_for_status()?;
        Ok(response.bytes().await?.to_vec())
    }
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
}
