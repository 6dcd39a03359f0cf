//! What is published, what is refused, and what happens when calls fail.

use addons::key_set::KeySet;
use addons::signature::{Signed, verify};
use domain::Error;
use domain::addons::{AddonContents as _, AddonStatus, ContentCoding};
use domain::primitives::sha256_hex;
use domain::store::StoreError;
use edge::http::{IDEMPOTENCY_KEY, Request};
use serde_json::json;
use testkit::{KeptSecret, Memory};

use crate::support::{deps, faults, keys, operator, post, published, put, script, send};

#[tokio::test]
async fn version_is_stored_in_all_its_forms_and_signed() {
    let store = Memory::new();
    let content = "/*! mine */\nfunction greet(name) { return 'Hello ' + name; }\ngreet('you');\n//# sourceMappingURL=x.map\n";
    let body =
        published(&store, "hello", "1.0.0", json!({"content": content, "domainPatterns": ["example.com"]}))
            .await;
    assert_eq!(
        (&body["id"], &body["version"], &body["status"]),
        (&json!("hello"), &json!("1.0.0"), &json!("active"))
    );
    let catalog = store.catalog();
    let (release, standing) = catalog.addons["hello"].version(&"1.0.0".parse().unwrap()).unwrap();
    assert_eq!(standing.status, AddonStatus::Active);
    let key =
        KeySet::default().with_new_key(&[7; 32], 0, std::time::Duration::ZERO).public_keys(0)[0].clone();
    for (form, is_small) in [(&release.content.source, false), (&release.content.minified, true)] {
        let stored = store
            .get(release.content.publication, &form.hash, ContentCoding::Identity)
            .await
            .unwrap()
            .unwrap();
        let text = String::from_utf8(stored.to_vec()).unwrap();
        assert_eq!((sha256_hex(&stored), stored.len()), (form.hash.clone(), form.bytes));
        assert!(text.contains("/*! mine */") && !text.contains("sourceMappingURL"), "{text}");
        assert_eq!(text.contains("name)"), !is_small, "{text}");
        for coding in [ContentCoding::Gzip, ContentCoding::Brotli] {
            assert!(store.get(release.content.publication, &form.hash, coding).await.unwrap().is_some());
        }
        let signed = Signed::Version {
            addon: "hello",
            version: "1.0.0",
            kind: "content_script",
            content_hash: &form.hash,
        };
        assert!(verify(&key, &form.signature, &signed));
        assert!(form.integrity.starts_with("sha384-"));
    }
    assert_eq!(body["contentHash"], release.content.source.hash);
    let map = release.content.source_map.as_ref().unwrap();
    assert!(store.get(release.content.publication, map, ContentCoding::Identity).await.unwrap().is_some());
}

#[tokio::test]
async fn every_fault_is_named_and_nothing_is_stored() {
    let store = Memory::new();
    let body = script(
        "a",
        "1.0.0",
        json!({
            "content": "let a;\nlet a; return 1;", "dependencies": [{"addonId": "none", "version": "1"}],
        }),
    );
    let found = faults(send(&store, post(&body)).await);
    assert_eq!(found[0].0, "dependencies[0].addonId");
    assert!(
        found[1..].iter().all(|(path, message)| path == "content" && message.starts_with("line 2 column ")),
        "{found:?}"
    );
    assert!(found.len() >= 2, "{found:?}");
    assert_eq!(faults(send(&store, post(&script("a", "1", json!({})))).await)[0].0, "version");
    let both = script("a", "1", json!({"name": "", "content": "f(;"}));
    let paths: Vec<_> = faults(send(&store, post(&both)).await).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["name", "version", "content"]);
    assert!(store.catalog().addons.is_empty());
    assert_eq!(store.content_count(), 0);
}

#[tokio::test]
async fn version_is_published_once_whatever_happened_to_it() {
    let store = Memory::new();
    published(&store, "a", "1.0.0", json!({})).await;
    let again = async |body: serde_json::Value| send(&store, post(&body)).await;
    assert!(matches!(
        again(script("a", "1.0.0", json!({"content": "g();"}))).await,
        Err(Error::VersionExists)
    ));
    let version = json!({"version": "1.0.0", "content": "g();"});
    assert!(matches!(send(&store, put("a", &version)).await, Err(Error::VersionExists)));
    let delete = Request::by(operator(), "admin-addons", "DELETE", "").at("addonId", "a");
    assert_eq!(send(&store, delete).await.unwrap().0, 204);
    assert!(matches!(again(script("a", "1.0.0", json!({}))).await, Err(Error::VersionExists)));
    assert_eq!(published(&store, "a", "1.0.1", json!({})).await["version"], "1.0.1");
}

#[tokio::test]
async fn new_version_inherits_what_it_does_not_say() {
    let store = Memory::new();
    let more = json!({
        "type": "style_sheet", "content": "a{color:red}", "description": "d", "author": "me",
        "domainPatterns": ["example.com"], "config": {"minBrowserVersion": "120"},
    });
    published(&store, "look", "1.0.0", more).await;
    let (status, body) =
        send(&store, put("look", &json!({"version": "1.1.0", "content": "b{color:red}"}))).await.unwrap();
    assert_eq!(status, 201);
    for (field, expected) in [
        ("name", json!("look")),
        ("description", json!("d")),
        ("type", json!("style_sheet")),
        ("author", json!("me")),
        ("domainPatterns", json!(["example.com"])),
        ("config", json!({"minBrowserVersion": "120"})),
    ] {
        assert_eq!(body[field], expected, "{field}");
    }
    let other = json!({"version": "1.2.0", "content": "f()", "type": "content_script"});
    assert_eq!(faults(send(&store, put("look", &other)).await)[0].0, "type");
    let rule = json!({"id": "r", "priority": 1, "domains": ["other.example"], "runAt": "document_end"});
    let outside = json!({"version": "1.2.0", "content": "b{}", "injectionRules": [rule]});
    assert_eq!(faults(send(&store, put("look", &outside)).await)[0].0, "injectionRules[0].domains[0]");
    let unknown = put("none", &json!({"version": "1.0.0", "content": ""}));
    assert_eq!(send(&store, unknown).await.unwrap_err().code(), "ADDON_NOT_FOUND");
    let none = json!({"version": "1.3.0", "content": "b{}", "domainPatterns": []});
    assert_eq!(send(&store, put("look", &none)).await.unwrap().1["domainPatterns"], json!([]));
}

#[tokio::test]
async fn repeated_request_gets_the_first_answer_also_after_a_lost_one() {
    let store = Memory::new();
    let body = json!({"name": "n", "type": "content_script", "version": "1.0.0", "content": "f();"});
    let caller = operator();
    let request = |key: &str| {
        Request::by(caller.clone(), "admin-addons", "POST", body.to_string()).with(IDEMPOTENCY_KEY, key)
    };
    let first = send(&store, request("one")).await.unwrap();
    assert_eq!(send(&store, request("one")).await.unwrap(), first);
    assert_eq!(store.catalog().addons.len(), 1);
    // The version is published, and the function dies before it can say so. A minute later the client tries again.
    store.fail_next("settle", StoreError::Unavailable("lost".into()));
    let second = send(&store, request("two")).await.unwrap();
    let mut later = request("two");
    later.now = later.now + std::time::Duration::from_secs(60);
    assert_eq!(send(&store, later).await.unwrap(), second);
    assert_eq!(store.catalog().addons.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn change_made_in_between_is_checked_against() {
    let store = Memory::new();
    published(&store, "lib", "1.0.0", json!({})).await;
    store.fail_next("publish", StoreError::Conflict);
    published(&store, "app", "1.0.0", json!({"dependencies": [{"addonId": "lib", "version": "^1"}]})).await;
    assert_eq!(store.calls().iter().filter(|call| **call == "begin").count(), 2, "content is stored once");
    assert_eq!(store.catalog().generation.number, 2);
    // A dozen publishers at once are no reason to give up; a storm without end is.
    for _ in 0..20 {
        store.fail_next("publish", StoreError::Conflict);
    }
    published(&store, "patient", "1.0.0", json!({})).await;
    for _ in 0..500 {
        store.fail_next("publish", StoreError::Conflict);
    }
    let outcome = send(&store, post(&script("other", "1.0.0", json!({})))).await;
    assert!(matches!(outcome, Err(Error::Unavailable { .. })));
    store.forget_failures();
}

#[tokio::test]
async fn publication_that_died_leaves_the_old_state_and_is_swept() {
    for call in ["begin", "put_content", "publish"] {
        let store = Memory::new();
        published(&store, "a", "1.0.0", json!({})).await;
        let (before, contents) = (store.catalog(), store.content_count());
        store.fail_next(call, StoreError::Unavailable("down".into()));
        let outcome = send(&store, post(&script("a", "1.1.0", json!({"content": "g();"})))).await;
        assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{call}");
        assert_eq!(store.catalog(), before, "{call}");
        // Two hours later the next publication deletes what is left.
        let mut later = post(&script("b", "1.0.0", json!({})));
        later.now = later.now + std::time::Duration::from_secs(7200);
        send(&store, later).await.unwrap();
        assert_eq!(store.content_count(), 2 * contents, "{call}");
    }
}

#[tokio::test]
async fn deployment_without_a_key_says_so() {
    let store = Memory::new();
    let none = KeptSecret::new(r#"{"keys":[]}"#);
    let deps = admin_addons::Deps { keys: &none, ..deps(&store, &none) };
    let outcome = admin_addons::handle(&deps, post(&script("a", "1.0.0", json!({})))).await;
    assert!(
        matches!(outcome, Err(Error::NotReady(message)) if message.contains("semantest addons keys create"))
    );
    let keys = keys();
    let deps = admin_addons::Deps { keys: &keys, ..deps };
    assert!(admin_addons::handle(&deps, post(&script("a", "1.0.0", json!({})))).await.is_ok());
}

#[tokio::test]
async fn author_is_warned_of_what_is_not_shared() {
    let store = Memory::new();
    published(&store, "lib", "1.0.0", json!({"content": "function helper(){} helper();"})).await;
    let app = json!({"content": "helper();", "dependencies": [{"addonId": "lib", "version": "^1"}]});
    let body = published(&store, "app", "1.0.0", app).await;
    assert!(body["warnings"][0].as_str().unwrap().contains("uses `helper`"), "{body}");
}
