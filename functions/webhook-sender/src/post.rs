//! One request to a receiver.

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

/// How long a receiver may take, from the connection to the end of its answer's head.
const TIMEOUT: Duration = Duration::from_secs(15);

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
    /// Posts one and gives the status of the answer.
    ///
    /// # Errors
    ///
    /// Why there was no answer, in words that hold nothing of the URL beyond its host.
    async fn post(&self, url: &Url, webhook: Signed) -> Result<u16, String>;
}

/// Posts over HTTP.
#[derive(Debug)]
pub struct HttpPost {
    client: reqwest::Client,
}

impl HttpPost {
    /// A client that follows no redirect, believes no proxy of the environment, and waits 15 s.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        // Both may be called once per process; a second call finds the first one's provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // Lambda freezes a function between events: a connection that was kept may be dead by then.
            .pool_max_idle_per_host(0)
            .timeout(TIMEOUT)
            .user_agent(concat!("Semantest/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Post for HttpPost {
    async fn post(&self, url: &Url, webhook: Signed) -> Result<u16, String> {
        let answer = self
            .client
            .post(url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", webhook.id)
            .header("webhook-timestamp", webhook.timestamp)
            .header("webhook-signature", webhook.signature)
            .body(webhook.body)
            .send()
            .await
            .map_err(|error| reason(&error))?;
        Ok(answer.status().as_u16())
    }
}

/// Why there was no answer. The URL stays out: its path and query may hold the receiver's secrets.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "no answer within 15 s".to_owned()
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the connection broke".to_owned()
    }
}
