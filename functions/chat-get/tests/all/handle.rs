//! What `GET /chat/{sessionId}` returns to which caller.

use chat_get::{Deps, handle};
use domain::access::{Principal, Scope};
use domain::chat::RecentMessages;
use domain::error::Missing;
use domain::{Error, JobId, MessageId};
use edge::http::{Answer, Request};
use serde_json::Value;
use testkit::Memory;

async fn get(store: &Memory, caller: Principal, query: &[(&str, &str)]) -> Result<Answer, Error> {
    let request = Request::by(caller, "chat-get", "GET", "").at("sessionId", testkit::SAMPLE_SESSION);
    let request = query.iter().fold(request, |request, (name, value)| request.asking(name, value));
    handle(&Deps { sessions: store }, request).await
}

fn acme() -> Principal {
    testkit::principal("acme", &[Scope::Chat])
}

/// A session with `count` messages.
fn chat(count: usize) -> RecentMessages {
    let mut chat = testkit::sample_session();
    let message = chat.messages[1].clone();
    chat.messages =
        (0..count).map(|_| domain::chat::Message { id: MessageId::new(), ..message.clone() }).collect();
    chat
}

#[tokio::test]
async fn messages_are_listed_oldest_first() {
    let store = Memory::new();
    let mut chat = testkit::sample_session();
    let job = JobId::new();
    chat.messages[1].job_id = Some(job);
    store.put_session(chat.clone());
    let answer = get(&store, acme(), &[]).await.unwrap();
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        (&said["sessionId"], &said["userId"]),
        (&Value::from(testkit::SAMPLE_SESSION), &Value::from(chat.session.user_id.to_string()))
    );
    assert_eq!(said["createdAt"], chat.session.created_at.to_string());
    assert_eq!(said.get("nextCursor"), None);
    let messages = said["messages"].as_array().unwrap();
    assert_eq!(
        (&messages[0]["role"], &messages[0]["content"]),
        (&"user".into(), &"a lighthouse at dusk".into())
    );
    assert_eq!((messages[0].get("jobId"), &messages[1]["jobId"]), (None, &Value::from(job.to_string())));
    assert_eq!(messages[1]["timestamp"], chat.messages[1].timestamp.to_string());
}

#[tokio::test]
async fn pages_cover_all_messages_once() {
    let store = Memory::new();
    let chat = chat(123);
    store.put_session(chat.clone());
    let (mut seen, mut sizes, mut cursor) = (vec![], vec![], None::<String>);
    loop {
        let query: Vec<_> = cursor.iter().map(|cursor| ("cursor", cursor.as_str())).collect();
        let answer = get(&store, acme(), &query).await.unwrap();
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        let messages = said["messages"].as_array().unwrap();
        sizes.push(messages.len());
        seen.extend(messages.iter().map(|message| message["id"].as_str().unwrap().to_owned()));
        match said["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(sizes, [50, 50, 23]);
    assert_eq!(seen, chat.messages.iter().map(|message| message.id.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn limit_outside_1_to_100_is_refused() {
    let store = Memory::new();
    store.put_session(chat(1));
    for limit in ["1", "100"] {
        assert!(get(&store, acme(), &[("limit", limit)]).await.is_ok());
    }
    for (name, value) in
        [("limit", "0"), ("limit", "101"), ("limit", "-1"), ("limit", "x"), ("limit", ""), ("cursor", "")]
    {
        let refused = get(&store, acme(), &[(name, value)]).await;
        assert!(matches!(&refused, Err(Error::Invalid(errors)) if errors[0].path == name), "{name}={value}");
    }
}

#[tokio::test]
async fn other_callers_session_is_not_found() {
    let store = Memory::new();
    store.put_session(testkit::sample_session());
    let mut token = acme();
    token.user = Some(domain::UserId::new());
    for caller in [testkit::principal("rival", &[Scope::Chat]), token] {
        let refused = get(&store, caller, &[]).await;
        assert!(matches!(refused, Err(Error::NotFound(Missing::Session))));
    }
    let mut own = acme();
    own.user = Some(testkit::sample_session().session.user_id);
    assert!(get(&store, own, &[]).await.is_ok());
}
