//! The HTTP API of a deployment: the endpoints that the commands use.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ApiError;
use super::responses::{Batch, ChatTurn, Job, JobPage};

#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: Client,
    base: String,
    key: String,
}

/// The response to an idempotent request.
pub(crate) enum ApiResponse<T> {
    Success(T),
    /// A transient error of the network, the server or a limit, and the delay before the next request.
    RetryAfter(Duration, anyhow::Error),
}

impl Api {
    /// Creates a client of the deployment at `url`, which may end in the API's path.
    pub(crate) fn new(url: &str, key: &str) -> Result<Self> {
        let http = Client::builder()
            // A redirect would send the key to another host.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(60))
            .build()
            .context("cannot set up HTTP")?;
        Ok(Self { http, base: base_url(url)?, key: key.to_owned() })
    }

    #[cfg(test)]
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Builds a request that carries the key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).header("x-api-key", &self.key)
    }

    /// Sends a request once, and returns the JSON body of the response.
    pub(crate) async fn send_json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = request.send().await?;
        if !response.status().is_success() {
            return Err(ApiError::from_response(response).await.into());
        }
        response.json().await.context("the response does not match the API's contract")
    }

    /// Sends a request once, and ignores the body of the response.
    pub(crate) async fn send_no_content(&self, request: RequestBuilder) -> Result<()> {
        let response = request.send().await?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(ApiError::from_response(response).await.into())
        }
    }

    /// Sends an idempotent request, and distinguishes transient errors from permanent ones.
    pub(crate) async fn send_idempotent<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<ApiResponse<T>> {
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Ok(ApiResponse::RetryAfter(Duration::from_secs(1), error.into())),
        };
        let status = response.status();
        if status.is_success() {
            let body = response.json().await.context("the response does not match the API's contract")?;
            return Ok(ApiResponse::Success(body));
        }
        let retry_after: Option<u64> =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let error = ApiError::from_response(response).await.into();
        // A conflict with a Retry-After: another request with the same idempotency key is in progress.
        let transient = status.is_server_error()
            || status == StatusCode::TOO_MANY_REQUESTS
            || (status == StatusCode::CONFLICT && retry_after.is_some());
        if transient {
            Ok(ApiResponse::RetryAfter(Duration::from_secs(retry_after.unwrap_or(1)), error))
        } else {
            Err(error)
        }
    }

    pub(crate) async fn generate(&self, body: &Value) -> Result<Job> {
        self.send_json(self.request(Method::POST, "/images/generate").json(body)).await
    }

    pub(crate) async fn chat(&self, body: &Value) -> Result<ChatTurn> {
        self.send_json(self.request(Method::POST, "/chat/new").json(body)).await
    }

    /// Gets a job at once, or as soon as it ends within `wait` (whole seconds).
    pub(crate) async fn status(&self, job: &str, wait: Duration) -> Result<ApiResponse<Job>> {
        let request = self.request(Method::GET, &format!("/images/status/{job}"));
        match wait.as_secs() {
            0 => self.send_idempotent(request).await,
            seconds => self.send_idempotent(request.header("prefer", format!("wait={seconds}"))).await,
        }
    }

    /// Lists a page of jobs, newest first.
    pub(crate) async fn jobs(&self, query: &[(&str, String)]) -> Result<JobPage> {
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        let encoded = encoded.extend_pairs(query).finish();
        self.send_json(self.request(Method::GET, &format!("/images/jobs?{encoded}"))).await
    }

    pub(crate) async fn cancel(&self, job: &str) -> Result<()> {
        self.send_no_content(self.request(Method::DELETE, &format!("/images/cancel/{job}"))).await
    }

    /// Submits several jobs. Requests with the same idempotency `key` create one batch.
    pub(crate) async fn batch(&self, body: &Value, key: &str) -> Result<ApiResponse<Batch>> {
        let request = self.request(Method::POST, "/images/batch");
        self.send_idempotent(request.header("idempotency-key", key).json(body)).await
    }

    pub(crate) async fn batch_status(&self, batch: &str) -> Result<ApiResponse<Batch>> {
        self.send_idempotent(self.request(Method::GET, &format!("/images/batch/{batch}/status"))).await
    }

    /// Downloads an image, without sending the key.
    pub(crate) async fn download(&self, url: &str) -> Result<Vec<u8>> {
        let response = self.http.get(url).send().await?.error_for_status()?;
        Ok(response.bytes().await?.to_vec())
    }
}

fn base_url(url: &str) -> Result<String> {
    let parsed = url::Url::parse(url).ok().filter(|parsed| matches!(parsed.scheme(), "http" | "https"));
    let parsed = parsed.with_context(|| format!("not an http or https URL: {url}"))?;
    let root = parsed.as_str().trim_end_matches('/');
    Ok(if root.ends_with("/api/v1") { root.to_owned() } else { format!("{root}/api/v1") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_url_accepts_the_address_with_and_without_the_path() {
        for url in ["http://a:1", "http://a:1/", "http://a:1/api/v1", "http://a:1/api/v1/"] {
            assert_eq!(base_url(url).unwrap(), "http://a:1/api/v1", "{url}");
        }
        assert!(base_url("a:1").is_err() && base_url("ftp://a").is_err());
    }
}
