//! A store with keys, and requests to it.

use addon_build::OldestChrome;
use addons::key_set::KeySet;
use admin_addons::{Deps, handle};
use domain::Error;
use domain::access::{Principal, Scope};
use edge::http::Request;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{KeptSecret, Memory};

/// Keys to sign with.
pub(crate) fn keys() -> KeptSecret {
    KeptSecret::new(KeySet::default().with_new_key(&[7; 32], 0, Duration::ZERO).to_json())
}

pub(crate) fn deps<'a>(store: &'a Memory, keys: &'a KeptSecret) -> Deps<'a> {
    Deps { registry: store, contents: store, keys, idempotency: store, oldest: OldestChrome::FLOOR }
}

pub(crate) fn operator() -> Principal {
    testkit::principal("operator", &[Scope::AddonsAdmin])
}

/// The status and body of an answer, or the status's code of an error.
pub(crate) async fn send(store: &Memory, request: Request) -> Result<(u16, Value), Error> {
    let keys = keys();
    let answer = handle(&deps(store, &keys), request).await?;
    Ok((answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default()))
}

/// A script with its id, version and the other fields.
pub(crate) fn script(id: &str, version: &str, more: Value) -> Value {
    let mut body = json!({
        "addonId": id, "name": id, "type": "content_script", "version": version, "content": "f();",
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

pub(crate) fn post(body: &Value) -> Request {
    Request::by(operator(), "admin-addons", "POST", body.to_string())
}

pub(crate) fn put(id: &str, body: &Value) -> Request {
    Request::by(operator(), "admin-addons", "PUT", body.to_string()).at("addonId", id)
}

pub(crate) async fn published(store: &Memory, id: &str, version: &str, more: Value) -> Value {
    let (status, body) = send(store, post(&script(id, version, more))).await.unwrap();
    assert_eq!(status, 201, "{body}");
    body
}

/// The faults of a refused request: path and message.
pub(crate) fn faults<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Vec<(String, String)> {
    match outcome {
        Err(Error::Invalid(faults) | Error::InvalidVersion(faults)) => {
            faults.into_iter().map(|fault| (fault.path, fault.message)).collect()
        }
        other => panic!("{other:?}"),
    }
}
