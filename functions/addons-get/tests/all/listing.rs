//! Lists, metadata, versions and keys.

use domain::addons::{AddonStatus, AddonType};
use serde_json::{Value, json};

use crate::support::{Shop, get, header, on, public_key, release, script, send};

async fn shop() -> Shop {
    let shop = Shop::new();
    shop.publish(on(script("a", "1.0.0"), &["example.com"]), "a1()", AddonStatus::Active).await;
    shop.publish(on(script("a", "2.0.0"), &["example.com"]), "a2()", AddonStatus::Beta).await;
    shop.publish(script("b", "1.0.0"), "b()", AddonStatus::Deprecated).await;
    shop.publish(release("c", "1.0.0", AddonType::StyleSheet), "c{}", AddonStatus::Inactive).await;
    shop
}

async fn json(shop: &Shop, request: edge::http::Request) -> Value {
    let addons = shop.addons();
    let answer = send(&addons, request).await.unwrap();
    assert_eq!(header(&answer, "cache-control"), "public, max-age=60");
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn list_is_filtered_and_has_pages() {
    let shop = shop().await;
    for (query, expected) in [
        (&[][..], &["a 1.0.0", "b 1.0.0", "c 1.0.0"][..]),
        (&[("status", "beta")], &["a 2.0.0"]),
        (&[("status", "inactive")], &["c 1.0.0"]),
        (&[("type", "style_sheet")], &["c 1.0.0"]),
        (&[("domain", "EXAMPLE.com")], &["a 1.0.0"]),
        (&[("domain", "example.org")], &[]),
        (&[("pageSize", "2")], &["a 1.0.0", "b 1.0.0"]),
        (&[("pageSize", "2"), ("page", "2")], &["c 1.0.0"]),
        (&[("page", "9")], &[]),
    ] {
        let request =
            query.iter().fold(get("/addons", ""), |request, (name, value)| request.asking(name, value));
        let list = json(&shop, request).await;
        let found: Vec<_> = list["addons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| format!("{} {}", one["id"].as_str().unwrap(), one["version"].as_str().unwrap()))
            .collect();
        assert_eq!(found, expected, "{query:?}");
    }
    let page = json(&shop, get("/addons", "").asking("pageSize", "2")).await;
    assert_eq!(
        (&page["total"], &page["page"], &page["pageSize"], &page["hasMore"]),
        (&json!(3), &json!(1), &json!(2), &json!(true))
    );
}

#[tokio::test]
async fn metadata_and_versions_tell_of_every_status() {
    let shop = shop().await;
    let path = "/addons/{addonId}/metadata";
    let metadata = json(&shop, get(path, "a")).await;
    assert_eq!((&metadata["version"], &metadata["status"]), (&json!("1.0.0"), &json!("active")));
    assert_eq!(metadata["size"], "a1() // as it was published".len());
    assert_eq!(metadata["domainPatterns"], json!(["example.com"]));
    for absent in ["injectionRules", "dependencies", "config", "warnings", "reason"] {
        assert_eq!(metadata.get(absent), None, "{absent}");
    }
    assert_eq!(json(&shop, get(path, "a").asking("version", "2.0.0")).await["status"], "beta");
    assert_eq!(json(&shop, get(path, "c").asking("version", "1.0.0")).await["status"], "inactive");
    let versions = json(&shop, get("/addons/{addonId}/versions", "a")).await;
    let listed: Vec<_> = versions["versions"].as_array().unwrap().iter().map(|one| &one["version"]).collect();
    assert_eq!(listed, ["2.0.0", "1.0.0"]);
    let fields: Vec<_> = versions["versions"][0].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["contentHash", "createdAt", "size", "status", "version"]);
    for path in [path, "/addons/{addonId}/versions"] {
        let addons = shop.addons();
        assert_eq!(send(&addons, get(path, "none")).await.unwrap_err().code(), "ADDON_NOT_FOUND");
    }
}

#[tokio::test]
async fn keys_are_a_jwk_set_without_anything_private() {
    let shop = shop().await;
    let keys = json(&shop, get("/addons/keys", "")).await;
    let key = public_key();
    let expected =
        json!({"kty": "OKP", "crv": "Ed25519", "x": key.x, "kid": key.id(), "alg": "EdDSA", "use": "sig"});
    assert_eq!(keys, json!({"keys": [expected]}));
}

#[tokio::test]
async fn unchanged_list_is_a_304() {
    let shop = shop().await;
    let addons = shop.addons();
    let etag = header(&send(&addons, get("/addons", "")).await.unwrap(), "etag").to_owned();
    let known = send(&addons, get("/addons", "").with("if-none-match", &etag)).await.unwrap();
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
}
