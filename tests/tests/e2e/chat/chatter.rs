//! A client for chat tests.

use aws::access::AccessTable;
use domain::UserId;
use domain::access::{ApiKey, Caller, KeyRegistry as _, Scope};
use reqwest::{Method, RequestBuilder, Response};
use semantest_tests::cloud::Cloud;
use serde_json::{Value, json};

/// The scopes for chats and images.
pub(crate) const BOTH: &[Scope] = &[Scope::Chat, Scope::ImagesWrite, Scope::ImagesRead];

/// A client with its own key, so that no test uses up the rate limit of another.
pub(crate) struct Chatter<'a> {
    pub(crate) cloud: &'a Cloud,
    key: String,
    pub(crate) user: UserId,
}

impl<'a> Chatter<'a> {
    pub(crate) async fn of(cloud: &'a Cloud, client: &str, scopes: &[Scope]) -> Self {
        let (key, record) = testkit::api_key(client, scopes);
        let table = AccessTable::new(cloud.dynamodb.clone(), cloud.output("AccessTable").to_owned());
        table.add(&record).await.unwrap();
        Self { cloud, key: key.expose().to_owned(), user: UserId::new() }
    }

    pub(crate) async fn new(cloud: &'a Cloud) -> Self {
        Self::of(cloud, "local", BOTH).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.cloud.http.request(method, format!("{}/api/v1{path}", self.cloud.url));
        request.header("x-api-key", &self.key)
    }

    pub(crate) fn post(&self, more: &Value) -> RequestBuilder {
        let mut body = json!({"userId": self.user, "prompt": "a kite"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.request(Method::POST, "/chat/new").json(&body)
    }

    /// Posts one turn, which must succeed.
    pub(crate) async fn say(&self, more: Value) -> Value {
        let answer = self.post(&more).send().await.unwrap();
        let status = answer.status();
        let said: Value = answer.json().await.unwrap();
        assert_eq!(status, 201, "{said}");
        said
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        told(self.request(Method::GET, path).send().await.unwrap()).await
    }

    /// All messages of a session.
    pub(crate) async fn messages(&self, session: &Value) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/chat/{}?limit=100{cursor}", session.as_str().unwrap());
            let (status, page) = self.get(&path).await;
            assert_eq!(status, 200, "{page}");
            all.extend(page["messages"].as_array().unwrap().clone());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// The number of this user's sessions and image jobs in the table.
    pub(crate) async fn rows(&self) -> (usize, usize) {
        let mut counts = Vec::new();
        for table in ["SessionsTable", "JobsTable"] {
            let scan = self.cloud.dynamodb.scan().table_name(self.cloud.output(table));
            let user = aws_sdk_dynamodb::types::AttributeValue::S(self.user.to_string());
            let scan = scan.filter_expression("userId = :user").expression_attribute_values(":user", user);
            let items: Result<Vec<_>, _> = scan.into_paginator().items().send().collect().await;
            counts.push(items.unwrap().len());
        }
        (counts[0], counts[1])
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::Key(self.key.parse::<ApiKey>().unwrap().id())
    }
}

pub(crate) async fn told(answer: Response) -> (u16, Value) {
    (answer.status().as_u16(), answer.json().await.unwrap())
}

pub(crate) fn reply(said: &Value) -> &str {
    said["chatResponse"]["content"].as_str().unwrap()
}
