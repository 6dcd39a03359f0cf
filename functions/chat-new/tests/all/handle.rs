//! What `POST /chat/new` writes to sessions, job rows and queues.

use std::time::Duration;

use async_trait::async_trait;
use chat_new::{Deps, handle};
use domain::access::{Scope, SecretSource};
use domain::chat::Role;
use domain::error::Missing;
use domain::jobs::{JobPolicy, WebhookUrlPolicy};
use domain::primitives::Secret;
use domain::store::StoreError;
use domain::{Error, JobStatus, Timestamp};
use edge::http::{Answer, Request};
use providers::CurrentRegistry;
use serde_json::{Value, json};
use testkit::{KeptSecret, Logs, Memory, Sent};

const USER: &str = "0190b8a0-0000-7000-8000-000000000001";
const BOTH: &[Scope] = &[Scope::Chat, Scope::ImagesWrite];

fn request(client: &str, scopes: &[Scope], body: &Value) -> Request {
    Request::by(testkit::principal(client, scopes), "chat-new", "POST", body.to_string())
}

async fn send(store: &Memory, request: Request) -> Result<Answer, Error> {
    send_with(store, store, request).await
}

/// Like `send`, with the providers document in `document`.
async fn send_with(store: &Memory, document: &dyn SecretSource, request: Request) -> Result<Answer, Error> {
    let deps = Deps {
        sessions: store,
        turns: store,
        jobs: store,
        estimates: store,
        queue: store,
        providers: &CurrentRegistry::new(document),
        idempotency: store,
        policy: JobPolicy::default(),
        keep_sessions: Duration::from_secs(1000),
        webhook_url_policy: WebhookUrlPolicy::HttpsOnly,
    };
    handle(&deps, request).await
}

async fn post(store: &Memory, more: Value) -> Result<Value, Error> {
    let mut body = json!({"userId": USER, "prompt": "a kite"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = send(store, request("acme", BOTH, &body)).await?;
    assert_eq!(answer.status, 201);
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.headers["location"], format!("/api/v1/chat/{}", said["sessionId"].as_str().unwrap()));
    Ok(said)
}

#[tokio::test]
async fn turn_gets_reply_then_stores_two_messages() {
    let store = Memory::new();
    let said = post(&store, json!({})).await.unwrap();
    assert!(said["chatResponse"]["content"].as_str().unwrap().starts_with("You said: a kite"));
    assert_eq!(said["chatResponse"]["role"], "assistant");
    assert!(said["chatResponse"]["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(said.get("imageGenerationJob"), None);

    let chat = store.sessions().pop().unwrap();
    assert_eq!(said["sessionId"], chat.session.id.to_string());
    let roles: Vec<_> = chat.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant]);
    assert_eq!(said["messageId"], chat.messages[1].id.to_string(), "the reply's id");
    let kept = chat.session.expires_at.since(Timestamp::now());
    assert!((Duration::from_secs(990)..=Duration::from_secs(1000)).contains(&kept));
    assert_eq!(store.calls(), ["recent", "read", "save_turn"]);
    assert!(store.jobs().is_empty() && store.sent().is_empty());
}

#[tokio::test]
async fn provider_gets_session_history_then_request_context() {
    let store = Memory::new();
    let session = post(&store, json!({"prompt": "first"})).await.unwrap()["sessionId"].clone();
    let said = post(&store, json!({"prompt": "second", "sessionId": session})).await.unwrap();
    assert_eq!(said["sessionId"], session);
    let reply = said["chatResponse"]["content"].as_str().unwrap();
    assert!(reply.contains("before it: 2; the last, of the assistant, begins: You said: first"), "{reply}");

    let previous = json!({"previousMessages": [{"role": "system", "content": "be brief"}]});
    let said = post(&store, json!({"sessionId": session, "chatContext": previous})).await.unwrap();
    let reply = said["chatResponse"]["content"].as_str().unwrap();
    assert!(reply.contains("before it: 5; the last, of the system, begins: be brief"), "{reply}");
    assert_eq!(
        store.sessions().pop().unwrap().messages.len(),
        6,
        "messages of the request's context are not stored"
    );
}

#[tokio::test]
async fn temperature_and_max_tokens_reach_provider() {
    let store = Memory::new();
    let context = json!({"chatContext": {"temperature": 1.25}});
    let said = post(&store, context).await.unwrap();
    assert!(said["chatResponse"]["content"].as_str().unwrap().contains("temperature 1.25"));
    let said = post(&store, json!({"chatContext": {"maxTokens": 2}})).await.unwrap();
    assert_eq!(said["chatResponse"]["content"], "You said:");
}

#[tokio::test]
async fn image_job_is_saved_with_turn_and_linked_to_reply() {
    let store = Memory::new();
    let image = json!({"count": 2, "metadata": {"a": 1.0}, "webhookUrl": "https://example.com/h",
        "webhookEvents": ["job.queued"]});
    let said = post(&store, json!({ "imageGeneration": image })).await.unwrap();
    let (job, chat) = (store.jobs().pop().unwrap(), store.sessions().pop().unwrap());
    assert_eq!(said["imageGenerationJob"]["jobId"], job.id.to_string());
    assert_eq!(said["imageGenerationJob"]["status"], "queued");
    assert_eq!((job.session_id, job.picture.count.get()), (Some(chat.session.id), 2));
    assert_eq!(job.picture.prompt.as_str(), "a kite");
    assert_eq!((chat.messages[0].job_id, chat.messages[1].job_id), (None, Some(job.id)));
    assert_eq!(store.deliveries().len(), 1, "the job.queued delivery is saved with the turn");
    assert_eq!(store.calls(), ["recent", "read", "estimate", "save_turn", "send"]);
    assert!(matches!(store.sent()[..], [Sent::Job(_, domain::primitives::Priority::Normal, Duration::ZERO)]));
}

#[tokio::test]
async fn job_with_refused_message_is_accepted_as_pending() {
    let store = Memory::new();
    store.fail_next("send", StoreError::Unavailable("down".into()));
    let said = post(&store, json!({"imageGeneration": {}})).await.unwrap();
    assert_eq!(said["imageGenerationJob"]["status"], "pending");
    assert_eq!(store.jobs()[0].status, JobStatus::Pending);
}

#[tokio::test]
async fn provider_failure_stores_nothing() {
    for switch in ["[[fail:1]]", "[[fail:operator]]", "[[limit:1]]", "[[refuse]]"] {
        let store = Memory::new();
        let failed = post(&store, json!({"prompt": switch, "imageGeneration": {}})).await;
        assert!(matches!(failed, Err(Error::GenerationFailed(_))), "{switch}: {failed:?}");
        assert!(store.sessions().is_empty() && store.jobs().is_empty() && store.sent().is_empty());
        assert_eq!(store.calls(), ["recent", "read"], "{switch}");
    }
}

#[tokio::test]
async fn provider_timeout_is_generation_failed() {
    let store = Memory::new();
    let mut request = request("acme", BOTH, &json!({"userId": USER, "prompt": "[[slow:600]]"}));
    // Four seconds of these are reserved for the answer.
    request.deadline = request.now + Duration::from_millis(4200);
    let failed = send(&store, request).await;
    assert!(matches!(failed, Err(Error::GenerationFailed(_))), "{failed:?}");
    assert!(store.sessions().is_empty());
}

/// A secret source that never answers.
struct NeverAnswers;

#[async_trait]
impl SecretSource for NeverAnswers {
    async fn read(&self) -> Result<Secret, StoreError> {
        std::future::pending().await
    }

    async fn refresh(&self) -> Result<Secret, StoreError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn unusable_providers_document_is_generation_failed() {
    let wrong =
        KeptSecret::new(r#"{"chat": {"baseUrl": "http://127.0.0.1:9/v1", "model": "m", "apiKey": ""}}"#);
    let logs = Logs::begin();
    let documents: [&dyn SecretSource; 3] = [&wrong, &KeptSecret::new("{"), &NeverAnswers];
    for document in documents {
        let store = Memory::new();
        let mut request = request("acme", BOTH, &json!({"userId": USER, "prompt": "a kite"}));
        request.deadline = request.now + Duration::from_millis(4200);
        let failed = send_with(&store, document, request).await;
        assert!(matches!(failed, Err(Error::GenerationFailed(_))), "{failed:?}");
        assert!(store.sessions().is_empty());
    }
    assert_eq!(
        logs.with("alarm", "provider_account").len(),
        2,
        "the operator must correct the two invalid documents"
    );
}

#[tokio::test]
async fn store_failure_is_unavailable_not_generation_failed() {
    for call in ["recent", "read", "save_turn"] {
        let store = Memory::new();
        store.fail_next(call, StoreError::Unavailable("down".into()));
        let failed = post(&store, json!({"imageGeneration": {}})).await;
        assert!(matches!(failed, Err(Error::Unavailable { .. })), "{call}: {failed:?}");
        assert!(store.sessions().is_empty() && store.jobs().is_empty());
    }
}

#[tokio::test]
async fn other_users_session_is_not_found() {
    let store = Memory::new();
    let session = post(&store, json!({})).await.unwrap()["sessionId"].clone();
    let other = "0190b8a0-0000-7000-8000-000000000002";
    let of = |user: &str, session: Value| json!({"userId": user, "prompt": "p", "sessionId": session});
    let unknown = json!(domain::SessionId::new());
    for (client, body) in [
        ("rival", of(USER, session.clone())),
        ("acme", of(other, session.clone())),
        ("acme", of(USER, unknown)),
    ] {
        let refused = send(&store, request(client, BOTH, &body)).await;
        assert!(matches!(refused, Err(Error::NotFound(Missing::Session))), "{client} {body}: {refused:?}");
    }
    assert_eq!(store.sessions()[0].messages.len(), 2);
}

#[tokio::test]
async fn refused_request_makes_no_store_calls() {
    let store = Memory::new();
    let image = json!({"userId": USER, "prompt": "p", "imageGeneration": {}});
    let refused = send(&store, request("acme", &[Scope::Chat], &image)).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let none = json!({"userId": USER, "prompt": "p", "imageGeneration": {"enabled": false}});
    assert!(send(&Memory::new(), request("acme", &[Scope::Chat], &none)).await.is_ok());

    let mut token = testkit::principal("acme", BOTH);
    token.user = Some(domain::UserId::new());
    let refused = send(&store, Request::by(token, "chat-new", "POST", none.to_string())).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let refused = send(&store, request("acme", BOTH, &json!({"prompt": 1}))).await;
    assert!(matches!(refused, Err(Error::Invalid(errors)) if errors.len() == 2));
    assert!(store.calls().is_empty(), "{:?}", store.calls());
}

#[tokio::test]
async fn repeated_idempotency_key_replays_the_answer() {
    let store = Memory::new();
    let caller = testkit::principal("acme", BOTH);
    let body = json!({"userId": USER, "prompt": "p", "imageGeneration": {}}).to_string();
    let request =
        || Request::by(caller.clone(), "chat-new", "POST", body.clone()).with("idempotency-key", "one");
    let first = send(&store, request()).await.unwrap();
    let again = send(&store, request()).await.unwrap();
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!((store.jobs().len(), store.sessions()[0].messages.len()), (1, 2));
}

#[tokio::test]
async fn run_after_crash_answers_with_stored_turn() {
    let caller = testkit::principal("acme", BOTH);
    let request = |body: &Value| {
        Request::by(caller.clone(), "chat-new", "POST", body.to_string()).with("idempotency-key", "one")
    };
    let store = Memory::new();
    let old = post(&store, json!({})).await.unwrap()["sessionId"].clone();
    for session in [Value::Null, old] {
        let store = Memory::new();
        if !session.is_null() {
            store.put_session(chat_of(&session));
        }
        let body = json!({"userId": USER, "prompt": "p", "sessionId": session, "imageGeneration": {}});
        let first = send(&store, request(&body)).await.unwrap();
        store.forget_answers();
        let before = store.calls().len();
        let again = send(&store, request(&body)).await.unwrap();
        assert_eq!(again.body, first.body);
        assert_eq!(
            store.calls()[before..],
            ["claim", "recent", "load", "settle"],
            "the provider is not called"
        );
        assert_eq!((store.jobs().len(), store.sent().len()), (1, 1));
    }
}

/// An empty session of the user of `acme`.
fn chat_of(id: &Value) -> domain::chat::RecentMessages {
    let mut chat = testkit::sample_session();
    chat.session.id = id.as_str().unwrap().parse().unwrap();
    chat.messages.clear();
    chat
}

#[tokio::test]
async fn stored_turn_beyond_recent_messages_is_found() {
    let caller = testkit::principal("acme", BOTH);
    let store = Memory::new();
    store.put_session(testkit::sample_session());
    let body = json!({"userId": USER, "prompt": "p", "sessionId": testkit::SAMPLE_SESSION});
    let request =
        || Request::by(caller.clone(), "chat-new", "POST", body.to_string()).with("idempotency-key", "k");
    let first = send(&store, request()).await.unwrap();
    for _ in 0..60 {
        post(&store, json!({"sessionId": testkit::SAMPLE_SESSION})).await.unwrap();
    }
    store.forget_answers();
    let before = store.calls().len();
    assert_eq!(send(&store, request()).await.unwrap().body, first.body);
    assert_eq!(store.calls()[before..], ["claim", "recent", "message", "settle"]);
}

#[tokio::test]
async fn conflicting_turn_is_not_stored_and_unavailable() {
    let store = Memory::new();
    store.fail_next("save_turn", StoreError::Conflict);
    let refused = post(&store, json!({"imageGeneration": {}})).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    assert_eq!(store.calls(), ["recent", "read", "estimate", "save_turn", "message"]);
    assert!(store.sent().is_empty());
}
