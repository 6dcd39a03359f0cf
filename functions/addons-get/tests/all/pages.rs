//! Bundles and user scripts.

use addons::signature::{Signed, verify};
use domain::addons::{AddonStatus, AddonType, Release};
use edge::http::{Answer, Request};
use serde_json::{Value, json};

use crate::support::{Shop, get, header, needs, on, public_key, release, script, send, text};

const BUNDLE: &str = "/addons/{addonId}/bundle";
const USER_SCRIPTS: &str = "/addons/{addonId}/userscripts";

/// `app` needs `zbase`, and `look` is a style sheet; `page` runs in the page's world.
async fn shop() -> Shop {
    let shop = Shop::new();
    let active = AddonStatus::Active;
    shop.publish(script("zbase", "1.0.0"), "globalThis.base=1", active).await;
    shop.publish(on(needs(script("app", "1.0.0"), "zbase"), &["example.com"]), "use(base)//", active).await;
    let look = on(release("look", "1.0.0", AddonType::StyleSheet), &["example.com"]);
    shop.publish(look, "a{color:red}", active).await;
    let page = release("page", "1.0.0", AddonType::InjectedScript);
    shop.publish(on(page, &["*://*/*"]), "page(\"\")", active).await;
    let server = release("server", "1.0.0", AddonType::BackgroundScript);
    shop.publish(on(server, &["example.com"]), "server()", active).await;
    shop
}

async fn ask(shop: &Shop, request: Request) -> Answer {
    let addons = shop.addons();
    send(&addons, request).await.unwrap()
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn post(domain: &str, body: &str) -> Request {
    Request::by(testkit::principal("acme", &[]), "addons-get", "POST", body).at("addonId", domain)
}

#[tokio::test]
async fn bundle_has_every_addon_once_with_dependencies_first() {
    let shop = shop().await;
    let answer = ask(&shop, get(BUNDLE, "example.com")).await;
    let bundle = json(&answer);
    let list = bundle["addons"].as_array().unwrap();
    let found: Vec<_> = list.iter().map(|one| (one["addonId"].as_str().unwrap(), &one["order"])).collect();
    let expected = [("look", json!(0)), ("page", json!(1)), ("zbase", json!(2)), ("app", json!(3))];
    assert!(
        found.iter().zip(&expected).all(|(one, other)| (one.0, one.1) == (other.0, &other.1)),
        "{found:?}"
    );
    assert_eq!(found.len(), 4, "a background script is never injected");
    assert_eq!(list[0]["content"], "a{color:red}");
    let app = list[3]["content"].as_str().unwrap();
    assert!(app.starts_with("try{(function(){use(base)//\n}).call(this)}catch(e)"), "{app}");
    assert_eq!(list[3]["dependencies"], json!([{"addonId": "zbase", "version": "*"}]));
    let all: String = list.iter().map(|one| one["content"].as_str().unwrap()).collect();
    assert_eq!(bundle["totalSize"], all.len());
    assert_eq!(bundle["contentHash"], domain::primitives::sha256_hex(all.as_bytes()));
    assert_eq!(header(&answer, "x-bundle-id"), bundle["bundleId"].as_str().unwrap());
    assert!(bundle["expiresAt"].as_str() > bundle["generatedAt"].as_str(), "{bundle}");
    assert_eq!(header(&answer, "cache-control"), "public, max-age=60");
}

#[tokio::test]
async fn post_and_get_give_the_same_bytes_and_validators() {
    let shop = shop().await;
    let got = ask(&shop, get(BUNDLE, "EXAMPLE.com.")).await;
    for body in ["", "{}", r#"{"includeStyles":true,"includeDependencies":null}"#] {
        let posted = ask(&shop, post("example.com", body)).await;
        assert_eq!((&posted.body, &posted.headers), (&got.body, &got.headers), "{body}");
    }
    let etag = header(&got, "etag");
    assert_eq!(ask(&shop, get(BUNDLE, "example.com").with("if-none-match", etag)).await.status.as_u16(), 304);
    assert_eq!(ask(&shop, post("example.com", "").with("if-none-match", etag)).await.status.as_u16(), 304);
    let without =
        ask(&shop, post("example.com", r#"{"includeStyles":false,"includeDependencies":false}"#)).await;
    let ids: Vec<_> =
        json(&without)["addons"].as_array().unwrap().iter().map(|one| one["addonId"].clone()).collect();
    assert_eq!(ids, ["page", "app"]);
    let same =
        get(BUNDLE, "example.com").asking("includeStyles", "false").asking("includeDependencies", "false");
    assert_eq!(ask(&shop, same).await.body, without.body);
}

#[tokio::test]
async fn domain_without_addons_has_no_bundle_and_an_empty_list() {
    let shop = Shop::new();
    for path in [
        BUNDLE,
        "/addons/{addonId}/bundle.js",
        "/addons/{addonId}/bundle.css",
        "/addons/{addonId}/bundle.js.map",
    ] {
        let answer = ask(&shop, get(path, "example.com")).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0), "{path}");
    }
    let list = json(&ask(&shop, get(USER_SCRIPTS, "example.com")).await);
    assert_eq!((&list["scripts"], &list["styles"]), (&json!([]), &json!([])));
    let addons = shop.addons();
    for domain in ["", "a b", "https://example.com", "example.com:80"] {
        assert_eq!(
            send(&addons, get(BUNDLE, domain)).await.unwrap_err().code(),
            "VALIDATION_ERROR",
            "{domain}"
        );
    }
}

#[tokio::test]
async fn user_scripts_are_what_chromium_takes_in_the_order_of_their_ids_and_signed() {
    let shop = shop().await;
    let answer = ask(&shop, get(USER_SCRIPTS, "example.com")).await;
    let list = json(&answer);
    let ids: Vec<_> =
        list["scripts"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    assert!(
        ids.is_sorted()
            && ids[0].ends_with(".page")
            && ids[1].ends_with(".zbase")
            && ids[2].ends_with(".app"),
        "{ids:?}"
    );
    for script in list["scripts"].as_array().unwrap() {
        let fields: Vec<_> = script.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["allFrames", "excludeMatches", "id", "js", "matches", "runAt", "world"]);
        let world = if script["id"].as_str().unwrap().ends_with(".page") { "MAIN" } else { "USER_SCRIPT" };
        assert_eq!((&script["world"], &script["runAt"]), (&json!(world), &json!("document_idle")));
        assert_eq!(script["js"].as_array().unwrap().len(), 1);
    }
    assert_eq!(list["scripts"][0]["matches"], json!(["*://*.example.com/*"]), "of this domain alone");
    assert_eq!(list["scripts"][1]["matches"], json!(["*://example.com/*"]), "as the one that needs it");
    assert_eq!(list["styles"][0]["css"], "a{color:red}");
    // As `JSON.stringify` writes it: the text that was received, without the signature.
    let received = text(&answer);
    let signed = format!("{}}}", &received[..received.find(",\"signature\":").unwrap()]);
    let signature = list["signature"].as_str().unwrap();
    let of = |domain| Signed::UserScripts { domain, json: &signed };
    assert!(verify(&public_key(), signature, &of("example.com")));
    assert!(!verify(&public_key(), signature, &of("example.org")));
}

#[tokio::test]
async fn bundle_is_one_file_with_a_map() {
    let shop = shop().await;
    let script = ask(&shop, get("/addons/{addonId}/bundle.js", "example.com")).await;
    assert_eq!(header(&script, "content-type"), "text/javascript; charset=utf-8");
    let (base, app) =
        (text(&script).find("globalThis.base=1").unwrap(), text(&script).find("use(base)").unwrap());
    assert!(base < app && text(&script).ends_with("//# sourceMappingURL=bundle.js.map\n"));
    assert!(!text(&script).contains("color:red") && !text(&script).contains("server()"));
    let style = ask(&shop, get("/addons/{addonId}/bundle.css", "example.com")).await;
    assert_eq!(header(&style, "content-type"), "text/css; charset=utf-8");
    assert!(text(&style).contains("a{color:red}") && !text(&style).contains("globalThis"));
    let map = ask(&shop, get("/addons/{addonId}/bundle.js.map", "example.com")).await;
    assert_eq!((header(&map, "content-type"), &json(&map)["version"]), ("application/json", &json!(3)));
}

#[tokio::test]
async fn compressed_bundle_has_a_tag_of_its_own() {
    let shop = shop().await;
    let plain = ask(&shop, get(BUNDLE, "example.com")).await;
    for (accepted, coding) in [("br, gzip", "br"), ("gzip", "gzip")] {
        let answer = ask(&shop, get(BUNDLE, "example.com").with("accept-encoding", accepted)).await;
        assert_eq!(header(&answer, "content-encoding"), coding);
        assert!(answer.body.len() < plain.body.len() && header(&answer, "etag") != header(&plain, "etag"));
        assert_eq!(header(&answer, "x-bundle-id"), header(&plain, "x-bundle-id"));
    }
}

#[tokio::test]
async fn bundle_is_built_once_and_never_older_than_a_change() {
    let shop = shop().await;
    let addons = shop.addons();
    let first = send(&addons, get(BUNDLE, "example.com")).await.unwrap();
    let before = shop.store.calls().len();
    assert_eq!(send(&addons, get(BUNDLE, "example.com")).await.unwrap().body, first.body);
    assert_eq!(shop.store.calls()[before..], ["generation"], "one small row a request");
    let newer = Release { created_at: domain::Timestamp::now(), ..script("zbase", "1.1.0") };
    shop.publish(newer, "globalThis.base=2", AddonStatus::Active).await;
    let second = send(&addons, get(BUNDLE, "example.com")).await.unwrap();
    assert!(text(&second).contains("globalThis.base=2"));
    assert_ne!(header(&second, "etag"), header(&first, "etag"));
}

#[tokio::test]
async fn version_that_nobody_here_has_signed_runs_on_no_page() {
    let shop = shop().await;
    let foreign = addons::key_set::KeySet::default().with_new_key(&[9; 32], 0, std::time::Duration::ZERO);
    shop.keys.put(foreign.to_json());
    let list = json(&ask(&shop, get(USER_SCRIPTS, "example.com")).await);
    assert_eq!((&list["scripts"], &list["styles"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn version_signed_by_a_new_key_is_served_at_once_by_a_function_that_has_the_old_keys() {
    let mut shop = shop().await;
    let now = domain::Timestamp::now();
    // The old key ends at once, so the new version is signed by the new key alone.
    let rotated = crate::support::key_set().with_new_key(&[8; 32], now.millis(), std::time::Duration::ZERO);
    shop.seed = [8; 32];
    let shop = shop;
    let addons = shop.addons();
    let before = json(&send(&addons, get(USER_SCRIPTS, "example.com")).await.unwrap());
    shop.keys.put(rotated.to_json());
    let newer = Release { created_at: now, ..script("zbase", "1.1.0") };
    shop.publish(newer, "globalThis.base=2", AddonStatus::Active).await;

    let after = send(&addons, get(USER_SCRIPTS, "example.com")).await.unwrap();
    assert!(text(&after).contains("globalThis.base=2"));
    let after = json(&after);
    assert_eq!(after["scripts"].as_array().unwrap().len(), before["scripts"].as_array().unwrap().len());
    let content = send(&addons, get("/addons/{addonId}", "zbase")).await.unwrap();
    assert!(!header(&content, "x-addon-signature").is_empty());
    // What nobody here has signed is asked about once, not with each request.
    let reads = shop.keys.reads();
    shop.keys.put(
        addons::key_set::KeySet::default().with_new_key(&[9; 32], 0, std::time::Duration::ZERO).to_json(),
    );
    domain::access::SecretSource::refresh(&shop.keys).await.unwrap();
    for _ in 0..5 {
        let list = json(&send(&addons, get(USER_SCRIPTS, "example.com")).await.unwrap());
        assert_eq!(list["scripts"], json!([]));
    }
    assert_eq!(shop.keys.reads(), reads + 1);
}
