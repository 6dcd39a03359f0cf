//! Changes of status, and deletion.

use domain::Error;
use edge::http::Request;
use serde_json::{Value, json};
use testkit::Memory;

use crate::support::{faults, operator, published, send};

fn patch(id: &str, body: &Value) -> Request {
    Request::by(operator(), "admin-addons", "PATCH", body.to_string()).at("addonId", id)
}

fn delete(id: &str) -> Request {
    Request::by(operator(), "admin-addons", "DELETE", "").at("addonId", id)
}

/// `app` needs `lib`, of which there are two versions.
async fn store() -> Memory {
    let store = Memory::new();
    published(&store, "lib", "1.0.0", json!({})).await;
    published(&store, "lib", "1.1.0", json!({})).await;
    let app = json!({
        "domainPatterns": ["example.com"], "dependencies": [{"addonId": "lib", "version": "^1"}],
    });
    published(&store, "app", "1.0.0", app).await;
    store
}

#[tokio::test]
async fn version_is_rolled_back_by_its_status() {
    let store = store().await;
    let body = json!({"status": "inactive", "version": "1.1.0", "reason": "broken"});
    let (status, body) = send(&store, patch("lib", &body)).await.unwrap();
    assert_eq!((status, &body["version"], &body["status"]), (200, &json!("1.1.0"), &json!("inactive")));
    assert_eq!(body["reason"], "broken");
    let deprecated = json!({"status": "deprecated", "deprecationMessage": "use other"});
    let (_, body) = send(&store, patch("lib", &deprecated)).await.unwrap();
    assert_eq!((&body["version"], &body["deprecationMessage"]), (&json!("1.1.0"), &json!("use other")));
}

#[tokio::test]
async fn addon_that_others_need_is_kept() {
    let store = store().await;
    for outcome in [
        send(&store, delete("lib")).await,
        send(&store, patch("lib", &json!({"status": "inactive"}))).await,
        send(&store, patch("lib", &json!({"status": "beta"}))).await,
    ] {
        assert!(
            matches!(&outcome, Err(Error::AddonInUse(message)) if message.ends_with("on lib: app")),
            "{outcome:?}"
        );
    }
    assert_eq!(send(&store, delete("app")).await.unwrap().0, 204);
    assert_eq!(send(&store, delete("lib")).await.unwrap().0, 204);
    assert_eq!(send(&store, delete("lib")).await.unwrap_err().code(), "ADDON_NOT_FOUND");
}

#[tokio::test]
async fn change_of_nothing_is_not_found_and_faults_are_named() {
    let store = store().await;
    for (id, body) in
        [("none", json!({"status": "active"})), ("lib", json!({"status": "active", "version": "9.0.0"}))]
    {
        assert_eq!(send(&store, patch(id, &body)).await.unwrap_err().code(), "ADDON_NOT_FOUND");
    }
    let bad = json!({"status": "off", "version": 1});
    let paths: Vec<_> =
        faults(send(&store, patch("lib", &bad)).await).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["status", "version"]);
}

#[tokio::test]
async fn content_of_a_deleted_addon_is_swept_later() {
    let store = Memory::new();
    published(&store, "a", "1.0.0", json!({})).await;
    send(&store, delete("a")).await.unwrap();
    assert!(store.content_count() > 0, "functions that have not read the new catalog still serve it");
    published(&store, "b", "1.0.0", json!({})).await;
    let both = store.content_count();
    let mut later = delete("b");
    later.now = later.now + std::time::Duration::from_secs(7200);
    send(&store, later).await.unwrap();
    assert_eq!(store.content_count(), both / 2);
}

#[tokio::test]
async fn version_that_lacks_what_it_needs_cannot_become_active() {
    let store = Memory::new();
    published(&store, "base", "1.0.0", json!({})).await;
    let needs = json!({"dependencies": [{"addonId": "base", "version": "^1"}]});
    published(&store, "lib", "1.0.0", needs).await;
    send(&store, patch("lib", &json!({"status": "inactive"}))).await.unwrap();
    assert_eq!(send(&store, delete("base")).await.unwrap().0, 204);
    let found = faults(send(&store, patch("lib", &json!({"status": "active"}))).await);
    let [(path, message)] = &found[..] else { panic!("{found:?}") };
    assert!(
        path == "status" && message.starts_with("1.0.0: dependencies[0].addonId: there is no addon base")
    );
}

#[tokio::test]
async fn addon_whose_end_would_make_a_page_too_large_is_kept() {
    let store = Memory::new();
    let page =
        |bytes| json!({"content": format!("f('{}')", "x".repeat(bytes)), "domainPatterns": ["a.example"]});
    published(&store, "base", "1.0.0", json!({"domainPatterns": ["a.example"]})).await;
    let pin =
        json!({"domainPatterns": ["a.example"], "dependencies": [{"addonId": "base", "version": "~1.0.0"}]});
    published(&store, "pin", "1.0.0", pin).await;
    for id in ["one", "two", "three"] {
        published(&store, id, "1.0.0", page(1_000_000)).await;
    }
    published(&store, "four", "1.0.0", page(700_000)).await;
    published(&store, "base", "1.1.0", page(900_000)).await;
    let found = faults(send(&store, delete("pin")).await);
    assert!(found[0].1.contains("may have 4000000"), "{found:?}");
    assert_eq!(send(&store, delete("four")).await.unwrap().0, 204);
    assert_eq!(send(&store, delete("pin")).await.unwrap().0, 204);
}
