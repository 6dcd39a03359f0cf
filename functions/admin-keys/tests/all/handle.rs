//! Which callers may manage which keys, and the effect of each operation.

use std::time::Duration;

use admin_keys::{Deps, handle};
use domain::access::{ApiKey, Endpoint, KeyRecord, KeyRegistry as _, KeyStore as _, Principal, Scope};
use domain::store::StoreError;
use domain::{Error, KeyId, Timestamp};
use edge::http::Request;
use serde_json::{Value, json};
use testkit::Memory;

use crate::late::Late;

const MAX_KEYS: usize = 5;

fn owner(client: &str) -> Principal {
    testkit::principal(client, &[Scope::KeysAdmin])
}

fn operator() -> Principal {
    testkit::principal("operator", &[Scope::KeysAdmin, Scope::ClientsAdmin])
}

async fn send(store: &Memory, request: Request) -> Result<Value, Error> {
    let answer = handle(&Deps { keys: store, max_keys: MAX_KEYS }, request).await?;
    Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
}

async fn create(store: &Memory, by: Principal, body: Value) -> Result<Value, Error> {
    send(store, Request::by(by, "admin-keys", "POST", body.to_string())).await
}

async fn rotate(store: &Memory, by: Principal, id: &str, body: Value) -> Result<Value, Error> {
    send(store, Request::by(by, "admin-keys", "POST", body.to_string()).at("keyId", id)).await
}

async fn revoke(store: &Memory, by: Principal, id: &str) -> Result<Value, Error> {
    send(store, Request::by(by, "admin-keys", "DELETE", "").at("keyId", id)).await
}

async fn list(store: &Memory, by: Principal, client: Option<&str>) -> Result<Value, Error> {
    let request = Request::by(by, "admin-keys", "GET", "");
    let request = match client {
        Some(client) => request.asking("clientId", client),
        None => request,
    };
    send(store, request).await
}

/// Whether the key in an answer is valid at `at`.
async fn is_valid(store: &Memory, shown: &Value, at: Timestamp) -> bool {
    let key: ApiKey = shown["key"].as_str().unwrap().parse().unwrap();
    store.find(key.id()).await.unwrap().is_some_and(|record| record.admit(&key, at).is_ok())
}

fn is_missing(answer: &Result<Value, Error>) -> bool {
    matches!(answer, Err(error @ Error::NotFound(_)) if error.code() == "NOT_FOUND")
}

#[tokio::test]
async fn created_key_is_shown_once_and_stored_as_hash() {
    let store = Memory::new();
    let body = json!({"name": "site", "scopes": ["chat"]});
    let shown = create(&store, owner("acme"), body).await.unwrap();
    assert!(is_valid(&store, &shown, Timestamp::now()).await);
    assert_eq!((&shown["clientId"], &shown["name"]), (&json!("acme"), &json!("site")));
    assert_eq!(shown["scopes"], json!(["chat"]));
    assert!(shown["createdAt"].as_str().unwrap().ends_with('Z'));

    let listed = list(&store, owner("acme"), None).await.unwrap();
    assert_eq!(listed["keys"][0]["id"], shown["id"]);
    let secret = &shown["key"].as_str().unwrap()[35..];
    assert!(!listed.to_string().contains(secret) && !listed.to_string().contains("hash"), "{listed}");
}

#[tokio::test]
async fn other_clients_keys_require_clients_admin() {
    let store = Memory::new();
    let body = json!({"clientId": "acme", "name": "theirs"});
    assert!(matches!(create(&store, owner("apex"), body.clone()).await, Err(Error::Forbidden(_))));
    let theirs = create(&store, operator(), body).await.unwrap();
    let id = theirs["id"].as_str().unwrap();
    assert_eq!(theirs["clientId"], "acme");

    assert!(matches!(list(&store, owner("apex"), Some("acme")).await, Err(Error::Forbidden(_))));
    assert!(matches!(list(&store, operator(), Some("A B")).await, Err(Error::Invalid(_))));
    assert_eq!(list(&store, operator(), Some("acme")).await.unwrap()["keys"][0]["id"], id);
    assert_eq!(list(&store, operator(), None).await.unwrap()["keys"], json!([]));

    assert!(is_missing(&revoke(&store, owner("apex"), id).await));
    assert!(is_missing(&rotate(&store, owner("apex"), id, json!({})).await));
    assert!(is_missing(&revoke(&store, owner("apex"), &KeyId::new().to_string()).await));
    assert!(is_missing(&revoke(&store, owner("apex"), "nonsense").await));
    assert!(is_valid(&store, &theirs, Timestamp::now()).await, "the refused calls did not change it");
    assert!(rotate(&store, operator(), id, json!({})).await.is_ok());
    assert!(revoke(&store, operator(), id).await.is_ok());
}

#[tokio::test]
async fn key_cannot_grant_scopes_it_lacks() {
    let store = Memory::new();
    let wanted = json!({"name": "n", "scopes": ["clients:admin"]});
    let lesser = owner("operator");
    assert!(matches!(create(&store, lesser.clone(), wanted.clone()).await, Err(Error::Forbidden(_))));
    assert!(matches!(create(&store, owner("acme"), wanted.clone()).await, Err(Error::Invalid(_))));
    let greater = create(&store, operator(), wanted).await.unwrap();
    // A rotation shows the successor, so it requires the key's scopes.
    let id = greater["id"].as_str().unwrap();
    assert!(matches!(rotate(&store, lesser, id, json!({})).await, Err(Error::Forbidden(_))));
    assert!(rotate(&store, operator(), id, json!({})).await.is_ok());
}

#[tokio::test]
async fn limits_require_clients_admin_and_merge() {
    let store = Memory::new();
    let body = |limits: Value| json!({"clientId": "acme", "name": "n", "limits": limits});
    let own = create(&store, owner("acme"), body(json!({"/chat/new": 1000}))).await;
    assert!(matches!(own, Err(Error::Forbidden(_))));
    assert!(!store.calls().contains(&"set_limits") && !store.calls().contains(&"add"));
    create(&store, operator(), body(json!({"/chat/new": 1000}))).await.unwrap();
    create(&store, operator(), body(json!({"/images/batch": 50}))).await.unwrap();
    let limits = store.limits(&"acme".parse().unwrap()).await.unwrap();
    assert_eq!((limits.of(Endpoint::ChatNew), limits.of(Endpoint::ImagesBatch)), (1000, 50));
}

#[tokio::test]
async fn rotated_key_is_valid_until_overlap_ends() {
    let store = Memory::new();
    let old = create(&store, owner("acme"), json!({"name": "n", "scopes": ["images:read"]})).await.unwrap();
    let id = old["id"].as_str().unwrap();
    let new = rotate(&store, owner("acme"), id, json!({"overlapSeconds": 60})).await.unwrap();
    assert_eq!((&new["name"], &new["scopes"]), (&old["name"], &old["scopes"]));
    assert_ne!(new["id"], old["id"]);
    let now = Timestamp::now();
    assert!(is_valid(&store, &old, now).await && is_valid(&store, &new, now).await);
    let later = now + Duration::from_secs(61);
    assert!(!is_valid(&store, &old, later).await && is_valid(&store, &new, later).await);

    let newer = rotate(&store, owner("acme"), new["id"].as_str().unwrap(), json!({})).await.unwrap();
    let now = Timestamp::now();
    assert!(
        !is_valid(&store, &new, now).await && is_valid(&store, &newer, now).await,
        "invalid immediately without an overlap"
    );
    assert!(
        is_missing(&rotate(&store, owner("acme"), new["id"].as_str().unwrap(), json!({})).await),
        "expired"
    );
}

#[tokio::test]
async fn revoked_key_stays_listed_and_cannot_be_rotated() {
    let store = Memory::new();
    let shown = create(&store, owner("acme"), json!({"name": "n"})).await.unwrap();
    let id = shown["id"].as_str().unwrap();
    revoke(&store, owner("acme"), id).await.unwrap();
    assert!(!is_valid(&store, &shown, Timestamp::now()).await);
    let first = list(&store, owner("acme"), None).await.unwrap()["keys"][0]["revokedAt"].clone();
    assert!(first.is_string());
    assert!(is_missing(&rotate(&store, owner("acme"), id, json!({})).await));
    revoke(&store, owner("acme"), id).await.unwrap();
    assert_eq!(list(&store, owner("acme"), None).await.unwrap()["keys"][0]["revokedAt"], first);
}

#[tokio::test]
async fn rotate_on_conflict_retries_up_to_limit() {
    let store = Memory::new();
    let (_, record) = testkit::api_key("acme", &[Scope::Chat]);
    store.put_key(KeyRecord {
        expires_at: Some(Timestamp::now() + Duration::from_secs(60)),
        ..record.clone()
    });
    let id = record.id.to_string();
    store.fail_next("rotate", StoreError::Conflict);
    assert!(rotate(&store, owner("acme"), &id, json!({"overlapSeconds": 5})).await.is_ok());
    for _ in 0..3 {
        store.fail_next("rotate", StoreError::Conflict);
    }
    let refused = rotate(&store, owner("acme"), &id, json!({"overlapSeconds": 5})).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })));
}

fn is_too_many(answer: &Result<Value, Error>) -> bool {
    matches!(answer, Err(Error::Forbidden(message)) if message.contains("has 5 valid keys"))
}

#[tokio::test]
async fn client_has_a_bounded_number_of_valid_keys() {
    let store = Memory::new();
    let body = || json!({"name": "n"});
    let mut ids = Vec::new();
    for _ in 0..MAX_KEYS {
        ids.push(create(&store, owner("acme"), body()).await.unwrap()["id"].as_str().unwrap().to_owned());
    }
    assert!(is_too_many(&create(&store, owner("acme"), body()).await));
    let for_acme = json!({"clientId": "acme", "name": "n"});
    assert!(
        is_too_many(&create(&store, operator(), for_acme).await),
        "nor does the operator pass it by accident"
    );
    assert!(create(&store, owner("apex"), body()).await.is_ok(), "another client has its own");

    revoke(&store, owner("acme"), &ids[0]).await.unwrap();
    assert!(create(&store, owner("acme"), body()).await.is_ok(), "a revoked key does not count");
    assert!(is_too_many(&create(&store, owner("acme"), body()).await));
}

#[tokio::test]
async fn full_client_can_rotate_each_key_but_not_multiply_it() {
    let store = Memory::new();
    let mut ids = Vec::new();
    for _ in 0..MAX_KEYS {
        let key = create(&store, owner("acme"), json!({"name": "n"})).await.unwrap();
        ids.push(key["id"].as_str().unwrap().to_owned());
    }
    let overlap = || json!({"overlapSeconds": 600});
    assert!(rotate(&store, owner("acme"), &ids[0], overlap()).await.is_ok());
    assert!(is_too_many(&rotate(&store, owner("acme"), &ids[0], overlap()).await));
    revoke(&store, owner("acme"), &ids[0]).await.unwrap();
    assert!(rotate(&store, owner("acme"), &ids[1], json!({})).await.is_ok());
    assert!(rotate(&store, owner("acme"), &ids[2], overlap()).await.is_ok());
}

#[tokio::test]
async fn keys_made_at_the_same_time_do_not_pass_the_bound() {
    let store = Memory::new();
    // Each request reads the list before any of them has added its key.
    let barrier = tokio::sync::Barrier::new(8);
    let made = futures_util::future::join_all((0..8).map(|_| async {
        let late = Late { store: &store, barrier: &barrier, first: true.into() };
        let request = Request::by(owner("acme"), "admin-keys", "POST", r#"{"name":"n"}"#);
        handle(&Deps { keys: &late, max_keys: MAX_KEYS }, request).await.is_ok()
    }))
    .await;
    let now = Timestamp::now();
    let keys = store.keys_of(&"acme".parse().unwrap()).await.unwrap();
    let live = keys.iter().filter(|key| key.is_good(now)).count();
    assert_eq!((live, made.iter().filter(|made| **made).count()), (MAX_KEYS, MAX_KEYS));
}
