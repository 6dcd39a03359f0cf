//! A client of one test, with high rate limits.

use reqwest::{Method, RequestBuilder, Response};
use semantest_tests::cloud::Cloud;
use serde_json::{Value, json};
use uuid::Uuid;

/// The client's rate limits, in requests per minute.
const ROOM: [&str; 6] = [
    "/images/batch=1000",
    "/images/generate=10000",
    "/images/cancel/*=10000",
    "/images/status/*=100000",
    "/images/batch/*/status=100000",
    "/images/jobs=100000",
];

/// A client of its own.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) client: String,
    pub(crate) key: String,
    url: String,
    http: reqwest::Client,
}

impl Tenant {
    pub(crate) fn new(cloud: &Cloud) -> Self {
        let client = format!("tenant-{}", Uuid::new_v4().simple());
        let mut arguments = vec!["keys", "create", "--client", &client, "--json"];
        arguments.extend(ROOM.iter().flat_map(|limit| ["--limit", limit]));
        let made = crate::command_line::run(&cloud.data, &arguments);
        let made: Value = serde_json::from_str(&crate::command_line::stdout(&made)).unwrap();
        let key = made["key"].as_str().unwrap().to_owned();
        Self { key, client, url: cloud.url.clone(), http: cloud.http.clone() }
    }

    /// The same client with another credential, such as a token.
    pub(crate) fn by(&self, credential: String) -> Self {
        Self { key: credential, ..self.clone() }
    }

    /// The same client with a token for `user`.
    pub(crate) async fn user(&self, user: Uuid) -> Self {
        let body = json!({"userId": user});
        let answer = self.call(Method::POST, "/auth/token").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let token: Value = answer.json().await.unwrap();
        self.by(token["token"].as_str().unwrap().to_owned())
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&self.key)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        read(self.call(Method::GET, path).send().await.unwrap()).await
    }

    /// Posts a batch.
    pub(crate) async fn batch(&self, body: &Value) -> (u16, Value) {
        read(self.call(Method::POST, "/images/batch").json(body).send().await.unwrap()).await
    }

    pub(crate) async fn cancel(&self, job: &str) -> (u16, Value) {
        read(self.call(Method::DELETE, &format!("/images/cancel/{job}")).send().await.unwrap()).await
    }

    /// Posts a job with the fields of `more` over the defaults, and returns its id.
    pub(crate) async fn generate(&self, more: Value) -> String {
        let mut body = json!({"userId": Uuid::new_v4(), "prompt": "a kite", "size": "256x256"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.call(Method::POST, "/images/generate").json(&body).send().await.unwrap();
        let (status, job) = read(answer).await;
        assert_eq!(status, 202, "{job}");
        job["jobId"].as_str().unwrap().to_owned()
    }
}

/// The status and the body of a response; `null` if there is no body.
pub(crate) async fn read(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

/// The status and the error code of a response.
pub(crate) fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"]["code"].as_str().unwrap_or_default())
}
