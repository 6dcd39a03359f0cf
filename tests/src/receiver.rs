//! A webhook endpoint that records requests unchanged.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::cloud::eventually;

/// A recorded webhook.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// `webhook-id`.
    pub id: String,
    /// `event` in the body.
    pub event: String,
    /// The body.
    pub body: Value,
    /// The body as bytes.
    pub bytes: Vec<u8>,
    /// `webhook-timestamp`.
    pub timestamp: String,
    /// `webhook-signature`.
    pub signature: String,
}

/// A webhook endpoint on loopback.
pub struct Receiver {
    server: MockServer,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

struct Answer {
    arrived: Arc<Mutex<Vec<Arrived>>>,
    first: Mutex<Vec<ResponseTemplate>>,
}

impl Respond for Answer {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        self.arrived.lock().unwrap().push(Arrived {
            id: header("webhook-id"),
            event: body["event"].as_str().unwrap().to_owned(),
            body,
            bytes: request.body.clone(),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
        });
        self.first.lock().unwrap().pop().unwrap_or_else(|| ResponseTemplate::new(204))
    }
}

impl Receiver {
    /// Starts an endpoint that responds 204 to everything.
    pub async fn start() -> Self {
        Self::answering(vec![]).await
    }

    /// Starts an endpoint that gives these responses in order, and then 204.
    pub async fn answering(mut first: Vec<ResponseTemplate>) -> Self {
        first.reverse();
        let server = MockServer::start().await;
        let arrived = Arc::default();
        let answer = Answer { arrived: Arc::clone(&arrived), first: Mutex::new(first) };
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        Self { server, arrived }
    }

    /// Its URL, with a secret token in the query.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/hook?token=receivers-own", self.server.uri())
    }

    /// All recorded webhooks.
    #[must_use]
    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// The recorded webhooks of `event`.
    #[must_use]
    pub fn of(&self, event: &str) -> Vec<Arrived> {
        self.arrived().into_iter().filter(|one| one.event == event).collect()
    }

    /// Waits until `count` webhooks of `event` have arrived.
    pub async fn wait_for(&self, event: &str, count: usize) -> Vec<Arrived> {
        eventually(&format!("{count} of {event} arrive"), async || {
            let arrived = self.of(event);
            (arrived.len() >= count).then_some(arrived)
        })
        .await
    }

    /// The webhooks of `event` that arrived until 3 s after the first one.
    pub async fn settled(&self, event: &str) -> Vec<Arrived> {
        self.wait_for(event, 1).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.of(event)
    }
}
