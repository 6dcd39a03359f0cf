//! The operator who publishes, and the readers.

use std::io::Read as _;
use std::sync::Arc;

use addons::signature::PublicKey;
use reqwest::{Method, RequestBuilder, Response};
use semantest_tests::cloud::Cloud;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::command_line::make_key;

/// A cloud with an operator who may publish as often as the tests like.
#[derive(Clone)]
pub(super) struct Shop {
    pub(super) cloud: Arc<Cloud>,
    pub(super) key: String,
}

/// The operator's key: one for all tests, because a client has a bounded number of them.
static KEY: OnceCell<String> = OnceCell::const_new();

impl Shop {
    pub(super) async fn new(cloud: &Arc<Cloud>) -> Self {
        let made = KEY.get_or_init(|| async { make_key(cloud, "operator", &["addons:admin"]) });
        Self { cloud: Arc::clone(cloud), key: made.await.clone() }
    }

    pub(super) fn admin(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1/admin/addons{path}", self.cloud.url);
        self.cloud.http.request(method, url).header("x-api-key", &self.key)
    }

    /// Publishes a first version with these fields besides the required ones.
    pub(super) async fn publish(&self, id: &str, version: &str, more: Value) -> Value {
        let answer = self.admin(Method::POST, "").json(&body(id, version, more)).send().await.unwrap();
        said(answer, 201).await
    }

    pub(super) async fn set_status(&self, id: &str, change: Value) -> Response {
        self.admin(Method::PATCH, &format!("/{id}/status")).json(&change).send().await.unwrap()
    }

    /// A request without a credential.
    pub(super) fn read(&self, path: &str) -> RequestBuilder {
        // The address is that of many tests: each has the limit of a caller of its own.
        self.cloud
            .http
            .get(format!("{}/api/v1/addons{path}", self.cloud.url))
            .header("x-api-key", &self.cloud.api_key)
    }

    pub(super) async fn get(&self, path: &str) -> Response {
        self.read(path).send().await.unwrap()
    }

    pub(super) async fn json(&self, path: &str) -> Value {
        said(self.get(path).await, 200).await
    }

    /// The keys that the deployment signs with.
    pub(super) async fn public_keys(&self) -> Vec<PublicKey> {
        let keys = self.json("/keys").await;
        let x = |key: &Value| PublicKey { x: key["x"].as_str().unwrap().to_owned() };
        keys["keys"].as_array().unwrap().iter().map(x).collect()
    }

    /// The first of them.
    pub(super) async fn public_key(&self) -> PublicKey {
        self.public_keys().await.remove(0)
    }
}

pub(super) fn body(id: &str, version: &str, more: Value) -> Value {
    let mut body =
        json!({"addonId": id, "name": id, "type": "content_script", "version": version, "content": "f();"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

pub(super) async fn said(answer: Response, status: u16) -> Value {
    let got = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(got, status, "{text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Checks that the answer is this error, and returns its details.
pub(super) async fn refused(answer: Response, status: u16, code: &str) -> Value {
    let error = said(answer, status).await["error"].take();
    assert_eq!(error["code"], code, "{error}");
    error
}

pub(super) fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// An id, or a domain, that no other test uses.
pub(super) fn unique(name: &str) -> String {
    format!("{name}-{}", Uuid::new_v4().simple())
}

/// Unpacks what was sent. Not with the library that packs it.
pub(super) fn unpacked(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        "br" => _ = brotli::Decompressor::new(bytes, 4096).read_to_end(&mut plain).unwrap(),
        "gzip" => _ = flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).unwrap(),
        _ => plain.extend(bytes),
    }
    plain
}
