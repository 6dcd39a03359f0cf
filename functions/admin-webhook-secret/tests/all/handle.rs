//! Which callers see which secret, and which versions sign after a rotation.

use admin_webhook_secret::{Deps, handle};
use domain::access::{Principal, Scope};
use domain::store::StoreError;
use domain::webhooks::{SecretVersionStore as _, SigningSecret};
use domain::{Error, Timestamp, UserId};
use edge::http::{Answer, Request};
use serde_json::Value;
use testkit::{KeptSecret, Memory};

const SHOW: (&str, &str) = ("GET", "/admin/webhook-secret");
const ROTATE: (&str, &str) = ("POST", "/admin/webhook-secret/rotate");

async fn ask(
    store: &Memory,
    master: &KeptSecret,
    caller: Principal,
    (method, path): (&str, &str),
    body: &str,
) -> Result<Answer, Error> {
    let deps = Deps { secret_versions: store, master };
    handle(&deps, Request::by(caller, "admin-webhook-secret", method, body).on(path)).await
}

fn admin(client: &str) -> Principal {
    testkit::principal(client, &[Scope::KeysAdmin])
}

fn json(answer: Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn show_returns_own_clients_signing_secret() {
    let (store, master) = (Memory::new(), KeptSecret::new("a master"));
    for client in ["acme", "apex"] {
        let shown = json(ask(&store, &master, admin(client), SHOW, "").await.unwrap());
        let signing =
            SigningSecret::derive(&domain::primitives::Secret::new("a master"), &client.parse().unwrap(), 1);
        assert_eq!(
            (shown["clientId"].as_str(), shown["secret"].as_str()),
            (Some(client), Some(&*signing.expose()))
        );
        assert_eq!(shown.get("previousUntil"), None);
    }
}

#[tokio::test]
async fn rotate_keeps_both_versions_signing_during_overlap() {
    let (store, master) = (Memory::new(), KeptSecret::new("a master"));
    let before = json(ask(&store, &master, admin("acme"), SHOW, "").await.unwrap());
    let answer = ask(&store, &master, admin("acme"), ROTATE, r#"{"overlapSeconds":60}"#).await.unwrap();
    assert_eq!(answer.status.as_u16(), 201);
    let rotated = json(answer);
    assert_ne!(rotated["secret"], before["secret"]);
    assert_eq!(json(ask(&store, &master, admin("acme"), SHOW, "").await.unwrap()), rotated);

    let until: Timestamp = rotated["previousUntil"].as_str().unwrap().parse().unwrap();
    let secret_versions = store.secret_versions(&"acme".parse().unwrap()).await.unwrap();
    assert_eq!(
        (secret_versions.signing(Timestamp::now()), secret_versions.signing(until)),
        (vec![2, 1], vec![2])
    );
    assert_eq!(
        store.secret_versions(&"apex".parse().unwrap()).await.unwrap().current,
        1,
        "other clients keep theirs"
    );

    let immediate =
        json(ask(&store, &master, admin("acme"), ROTATE, r#"{"overlapSeconds":0}"#).await.unwrap());
    assert_eq!(
        immediate["previousUntil"], rotated["previousUntil"],
        "a new rotation does not shorten an overlap"
    );
}

#[tokio::test]
async fn rotate_on_conflict_returns_next_version() {
    let (store, master) = (Memory::new(), KeptSecret::new("a master"));
    store.fail_next("replace_secret_versions", StoreError::Conflict);
    let rotated = json(ask(&store, &master, admin("acme"), ROTATE, "").await.unwrap());
    assert_eq!(json(ask(&store, &master, admin("acme"), SHOW, "").await.unwrap()), rotated);
}

#[tokio::test]
async fn rotate_without_master_secret_changes_nothing() {
    let (store, master) = (Memory::new(), KeptSecret::new("a master"));
    master.fail();
    assert!(ask(&store, &master, admin("acme"), ROTATE, "").await.is_err());
    assert_eq!(store.secret_versions(&"acme".parse().unwrap()).await.unwrap().current, 1);
}

#[tokio::test]
async fn user_token_is_forbidden() {
    let (store, master) = (Memory::new(), KeptSecret::new("a master"));
    for endpoint in [SHOW, ROTATE] {
        let token = Principal { user: Some(UserId::new()), ..admin("acme") };
        let refused = ask(&store, &master, token, endpoint, "").await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    }
    assert_eq!(master.reads(), 0);
}
