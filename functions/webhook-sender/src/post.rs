//! One request to a webhook endpoint.

use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::jobs::WebhookUrlPolicy;
use domain::webhooks::{EndpointResponse, MAX_RESPONSE_KEPT};
use egress::{Client, EgressError, EgressPolicy, Timeouts};
use url::Url;

/// How long an endpoint may take, from the connection to the end of the response's head.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// How long the sender waits for the beginning of the response's body, after the head has arrived.
pub const BODY: Duration = Duration::from_secs(1);

/// A signed webhook, ready to be sent.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Header `webhook-id`.
    pub id: String,
    /// Header `webhook-timestamp`, in Unix seconds.
    pub timestamp: String,
    /// Header `webhook-signature`.
    pub signature: String,
    /// Exactly the bytes that were signed.
    pub body: Vec<u8>,
}

/// Posts webhooks.
#[async_trait]
pub trait Post: Send + Sync {
    /// Posts one webhook and returns the response.
    ///
    /// # Errors
    ///
    /// Why there was no response, in words that contain no part of the URL.
    async fn post(&self, url: &Url, webhook: Signed) -> Result<EndpointResponse, String>;
}

/// Posts over HTTP, and only to addresses that webhooks may reach.
#[derive(Debug)]
pub struct HttpPost {
    client: Client,
}

impl HttpPost {
    /// A client for the URLs that `policy` allows, with a timeout of 15 s.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new(policy: WebhookUrlPolicy) -> Result<Self, EgressError> {
        let policy = match policy {
            WebhookUrlPolicy::HttpsOnly => EgressPolicy::PublicOnly,
            WebhookUrlPolicy::AllowLoopbackHttp => EgressPolicy::PublicOrLoopback,
        };
        Ok(Self { client: Client::new(policy, Timeouts { connect: TIMEOUT, total: TIMEOUT })? })
    }

    async fn send(&self, url: &Url, webhook: Signed) -> Result<EndpointResponse, EgressError> {
        let answer = self
            .client
            .post(url)?
            .header("content-type", "application/json")
            .header("webhook-id", webhook.id)
            .header("webhook-timestamp", webhook.timestamp)
            .header("webhook-signature", webhook.signature)
            .body(webhook.body)
            .send()
            .await?;
        let status = answer.status().as_u16();
        let retry_after = egress::retry_after(answer.headers(), Timestamp::now());
        let body = egress::read_prefix(answer, MAX_RESPONSE_KEPT, BODY).await;
        Ok(EndpointResponse::new(status, retry_after, &body))
    }
}

#[async_trait]
impl Post for HttpPost {
    async fn post(&self, url: &Url, webhook: Signed) -> Result<EndpointResponse, String> {
        self.send(url, webhook).await.map_err(|problem| problem.to_string())
    }
}
