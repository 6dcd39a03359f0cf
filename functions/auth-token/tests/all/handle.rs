//! What a token allows, and which callers get one.

use std::time::Duration;

use auth_token::{Deps, handle};
use domain::access::{Caller, Principal, Scope};
use domain::{Error, Timestamp, UserId};
use edge::auth::jwt::TokenKeys;
use edge::http::Request;
use serde_json::{Value, json};
use testkit::KeptSecret;

const KEYS: &str = r#"{"master":"a-master-secret-of-32-bytes-or-more"}"#;

async fn post(caller: Principal, body: Value) -> Result<Value, Error> {
    let secret = KeptSecret::new(KEYS);
    let deps = Deps { tokens: TokenKeys::new(&secret) };
    let answer = handle(&deps, Request::by(caller, "auth-token", "POST", body.to_string())).await?;
    assert_eq!(answer.status, 201);
    Ok(serde_json::from_slice(&answer.body).unwrap())
}

async fn holder(token: &Value) -> Principal {
    let secret = KeptSecret::new(KEYS);
    TokenKeys::new(&secret).admit(token["token"].as_str().unwrap(), Timestamp::now()).await.unwrap()
}

#[tokio::test]
async fn token_acts_for_one_user_of_the_keys_client() {
    let user = UserId::new();
    let key = testkit::principal("acme", &[Scope::Chat, Scope::ImagesRead, Scope::KeysAdmin]);
    let token = post(key, json!({"userId": user, "expiresIn": 60})).await.unwrap();
    let holder = holder(&token).await;
    assert_eq!((holder.client.as_str(), holder.user), ("acme", Some(user)));
    assert_eq!(holder.scopes, [Scope::Chat, Scope::ImagesRead], "all except the admin scopes");
    let soon = Timestamp::now() + Duration::from_secs(61);
    assert!(token["expiresAt"].as_str().unwrap() <= soon.to_string().as_str(), "{token}");
    assert!(token["expiresAt"].as_str().unwrap().ends_with(".000Z"), "{token}");
}

#[tokio::test]
async fn token_scopes_are_requested_subset_of_keys_scopes() {
    let key = || testkit::principal("acme", &[Scope::Chat, Scope::ImagesRead, Scope::KeysAdmin]);
    let ask = |scopes: Value| post(key(), json!({"userId": UserId::new(), "scopes": scopes}));
    let token = ask(json!(["images:read"])).await.unwrap();
    assert_eq!(holder(&token).await.scopes, [Scope::ImagesRead]);
    assert!(matches!(ask(json!(["images:read", "images:write"])).await, Err(Error::Forbidden(_))));
    let refused = ask(json!(["chat", "keys:admin"])).await;
    assert!(matches!(refused, Err(Error::Invalid(errors)) if errors[0].path == "scopes[1]"));
}

#[tokio::test]
async fn admin_only_key_gets_no_token() {
    let key = testkit::principal("operator", &[Scope::KeysAdmin, Scope::ClientsAdmin]);
    assert!(matches!(post(key, json!({"userId": UserId::new()})).await, Err(Error::Forbidden(_))));
}

#[tokio::test]
async fn token_cannot_be_exchanged_for_token() {
    let user = UserId::new();
    let mut caller = testkit::principal("acme", &[Scope::Chat]);
    caller.caller = Caller::User(caller.client.clone(), user);
    caller.user = Some(user);
    assert!(matches!(post(caller, json!({"userId": user})).await, Err(Error::Forbidden(_))));
}
