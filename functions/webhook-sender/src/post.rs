//! One request to a receiver.

use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::jobs::WebhookUrlPolicy;
use domain::webhooks::{EndpointResponse, MAX_RESPONSE_KEPT};
use egress::{Client, EgressError, EgressPolicy, Timeouts};
use url::Url;

/// How long a receiver may take, from the connection to the end of its answer's head.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// How long the beginning of its answer's body is waited for. It has answered already.
pub const BODY: Duration = Duration::from_secs(1);

/// A signed webhook, ready to go.
#[derive(Debug, Clone)]
pub struct Signed {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`, in epoch seconds.
    pub timestamp: String,
    /// `webhook-signature`.
    pub signature: String,
    /// The very bytes that were signed.
    pub body: Vec<u8>,
}

/// Posts webhooks.
#[async_trait]
pub trait Post: Send + Sync {
    /// Posts one and gives the answer.
    ///
    /// # Errors
    ///
    /// Why there was no answer, in words that hold nothing of the URL.
    async fn post(&self, url: &Url, webhook: Signed) -> Result<EndpointResponse, String>;
}

/// Posts over HTTP, and only to where webhooks may go.
#[derive(Debug)]
pub struct HttpPost {
    client: Client,
}

impl HttpPost {
    /// Posts as far as `reach` says, and waits 15 s.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new(reach: WebhookUrlPolicy) -> Result<Self, EgressError> {
        let reach = match reach {
            WebhookUrlPolicy::HttpsOnly => EgressPolicy::PublicOnly,
            WebhookUrlPolicy::AllowLoopbackHttp => EgressPolicy::PublicOrLoopback,
        };
        Ok(Self { client: Client::new(reach, Timeouts { connect: TIMEOUT, total: TIMEOUT })? })
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
