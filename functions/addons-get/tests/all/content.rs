//! The content of one addon.

use addons::signature::{Signed, verify};
use domain::addons::{AddonStatus, AddonType, Standing};
use domain::store::StoreError;
use domain::{Error, Timestamp};

use crate::support::{Shop, get, header, on, public_key, release, script, send, text};

const PATH: &str = "/addons/{addonId}";

async fn shop() -> Shop {
    let shop = Shop::new();
    shop.publish(on(script("a", "1.0.0"), &["*.example.com"]), "one()", AddonStatus::Active).await;
    shop.publish(on(script("a", "1.1.0"), &["*.example.com"]), "two()", AddonStatus::Active).await;
    shop.publish(on(script("a", "2.0.0"), &["*.example.com"]), "three()", AddonStatus::Beta).await;
    shop.publish(release("look", "1.0.0", AddonType::StyleSheet), "a{}", AddonStatus::Active).await;
    shop
}

#[tokio::test]
async fn version_is_served_with_all_that_a_client_checks() {
    let shop = shop().await;
    let addons = shop.addons();
    let answer = send(&addons, get(PATH, "a")).await.unwrap();
    assert_eq!((answer.status.as_u16(), text(&answer)), (200, "two()"));
    let hash = domain::primitives::sha256_hex(b"two()");
    for (name, expected) in [
        ("content-type", "text/javascript; charset=utf-8"),
        ("x-addon-id", "a"),
        ("x-addon-version", "1.1.0"),
        ("x-addon-type", "content_script"),
        ("x-content-hash", &hash),
        ("etag", &format!("\"{}\"", &hash[..32])),
        ("last-modified", "Sat, 28 Nov 2026 15:00:01 GMT"),
        ("cache-control", "public, max-age=60"),
        ("vary", "Accept-Encoding, X-Target-Domain"),
        ("content-encoding", ""),
        ("x-deprecation-warning", ""),
    ] {
        assert_eq!(header(&answer, name), expected, "{name}");
    }
    let signed =
        Signed::Version { addon: "a", version: "1.1.0", kind: "content_script", content_hash: &hash };
    assert!(verify(&public_key(), header(&answer, "x-addon-signature"), &signed));
    let style = send(&addons, get(PATH, "look")).await.unwrap();
    assert_eq!(header(&style, "content-type"), "text/css; charset=utf-8");
    assert_eq!(header(&style, "vary"), "Accept-Encoding");
}

#[tokio::test]
async fn version_form_and_coding_are_chosen() {
    let shop = shop().await;
    let addons = shop.addons();
    for (version, expected, cache) in [
        ("latest", "two()", "public, max-age=60"),
        ("^1", "two()", "public, max-age=60"),
        ("1.0.0", "one()", "public, max-age=31536000, immutable"),
        ("2.0.0", "three()", "public, max-age=31536000, immutable"),
    ] {
        let answer = send(&addons, get(PATH, "a").asking("version", version)).await.unwrap();
        assert_eq!((text(&answer), header(&answer, "cache-control")), (expected, cache), "{version}");
    }
    let source = send(&addons, get(PATH, "a").asking("minified", "false")).await.unwrap();
    assert_eq!(text(&source), "two() // as it was published");
    let plain = send(&addons, get(PATH, "a")).await.unwrap();
    for (accepted, coding, body, ending) in [
        ("gzip, br", "br", &b"br"[..], "-br\""),
        ("gzip", "gzip", b"gz.", "-gzip\""),
        ("br;q=0.1, gzip;q=0.5", "gzip", b"gz.", "-gzip\""),
        ("identity", "", b"two()", "\""),
        ("br;q=0", "", b"two()", "\""),
    ] {
        let answer = send(&addons, get(PATH, "a").with("accept-encoding", accepted)).await.unwrap();
        assert_eq!((header(&answer, "content-encoding"), &answer.body[..]), (coding, body), "{accepted}");
        let tag = header(&answer, "etag");
        assert!(tag.ends_with(ending) && tag.starts_with(&header(&plain, "etag")[..33]), "{tag}");
    }
}

#[tokio::test]
async fn conditional_request_reads_no_content() {
    let shop = shop().await;
    let addons = shop.addons();
    let etag = header(&send(&addons, get(PATH, "a")).await.unwrap(), "etag").to_owned();
    let reads = |shop: &Shop| shop.store.calls().iter().filter(|call| **call == "get_content").count();
    let before = reads(&shop);
    for (name, value, status) in [
        ("if-none-match", etag.as_str(), 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"other\"", 200),
        ("if-modified-since", "Sat, 28 Nov 2026 15:00:01 GMT", 304),
        ("if-modified-since", "Sat, 28 Nov 2026 15:00:00 GMT", 200),
    ] {
        let answer = send(&addons, get(PATH, "a").with(name, value)).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{name}: {value}");
        if status == 304 {
            assert!(answer.body.is_empty() && header(&answer, "etag") == etag);
            assert_eq!(header(&answer, "cache-control"), "public, max-age=60");
        }
    }
    assert_eq!(reads(&shop), before, "it is in the cache");
    let failed = send(&addons, get(PATH, "a").with("if-match", "\"other\"")).await;
    assert!(matches!(failed, Err(Error::PreconditionFailed)));
}

#[tokio::test]
async fn domain_status_and_version_decide_what_is_served() {
    let shop = shop().await;
    let addons = shop.addons();
    for (domain, allowed) in [("example.com", true), ("WWW.Example.com.", true), ("evil-example.com", false)]
    {
        let by_header = send(&addons, get(PATH, "a").with("x-target-domain", domain)).await;
        let by_query = send(&addons, get(PATH, "a").asking("targetDomain", domain)).await;
        for outcome in [by_header, by_query] {
            match outcome {
                Ok(_) => assert!(allowed, "{domain}"),
                Err(error) => assert_eq!((error.code(), allowed), ("DOMAIN_NOT_ALLOWED", false), "{domain}"),
            }
        }
    }
    let code = async |request| send(&addons, request).await.unwrap_err().code();
    assert_eq!(code(get(PATH, "a").with("x-target-domain", "a b")).await, "VALIDATION_ERROR");
    assert_eq!(code(get(PATH, "a").asking("minified", "1")).await, "VALIDATION_ERROR");
    assert_eq!(code(get(PATH, "a").asking("version", "newest")).await, "INVALID_VERSION");
    let all =
        get(PATH, "a").asking("version", "newest").asking("minified", "1").asking("targetDomain", "a b");
    let Err(Error::Invalid(faults)) = send(&addons, all).await else { panic!("not refused") };
    assert_eq!(
        faults.iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>(),
        ["version", "minified", "targetDomain"]
    );
    assert_eq!(code(get(PATH, "a").asking("version", "^2")).await, "ADDON_NOT_FOUND");
    assert_eq!(code(get(PATH, "none")).await, "ADDON_NOT_FOUND");
    assert_eq!(code(get(PATH, "NO ID")).await, "ADDON_NOT_FOUND");

    let standing = |status| Standing {
        status,
        updated_at: Timestamp::now(),
        reason: None,
        deprecation_message: Some("verwende größer".into()),
    };
    shop.set_status("a", &standing(AddonStatus::Deprecated)).await;
    let fresh = shop.addons();
    let answer = send(&fresh, get(PATH, "a")).await.unwrap();
    assert_eq!(header(&answer, "x-deprecation-warning"), "verwende gr??er");
    shop.set_status("a", &standing(AddonStatus::Inactive)).await;
    let fresh = shop.addons();
    assert_eq!(
        send(&fresh, get(PATH, "a").asking("version", "1.0.0")).await.unwrap_err().code(),
        "ADDON_NOT_FOUND"
    );
}

#[tokio::test]
async fn warm_request_asks_for_nothing_and_a_missing_version_is_looked_for() {
    let shop = shop().await;
    let addons = shop.addons();
    send(&addons, get(PATH, "a")).await.unwrap();
    let before = shop.store.calls().len();
    for _ in 0..3 {
        send(&addons, get(PATH, "a")).await.unwrap();
    }
    assert_eq!(shop.store.calls().len(), before);
    shop.publish(script("new", "1.0.0"), "new()", AddonStatus::Active).await;
    assert_eq!(text(&send(&addons, get(PATH, "new")).await.unwrap()), "new()");
}

#[tokio::test]
async fn old_catalog_is_served_while_the_generation_cannot_be_read() {
    tokio::time::pause();
    let shop = shop().await;
    let addons = shop.addons();
    send(&addons, get(PATH, "a")).await.unwrap();
    tokio::time::advance(std::time::Duration::from_secs(3)).await;
    shop.store.fail_next("generation", StoreError::Unavailable("down".into()));
    assert_eq!(text(&send(&addons, get(PATH, "a")).await.unwrap()), "two()");
    tokio::time::advance(std::time::Duration::from_secs(120)).await;
    shop.store.fail_next("generation", StoreError::Unavailable("down".into()));
    assert!(matches!(send(&addons, get(PATH, "a")).await, Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn content_that_is_not_what_was_published_is_not_served() {
    let shop = shop().await;
    shop.store.spoil_contents();
    let addons = shop.addons();
    assert!(matches!(send(&addons, get(PATH, "a")).await, Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn new_key_signs_what_an_older_one_has_signed() {
    let shop = shop().await;
    let now = Timestamp::now().millis();
    let rotated = crate::support::key_set().with_new_key(&[8; 32], now - 1000, std::time::Duration::ZERO);
    shop.keys.put(rotated.to_json());
    let addons = shop.addons();
    let answer = send(&addons, get(PATH, "a")).await.unwrap();
    let hash = domain::primitives::sha256_hex(b"two()");
    let signed =
        Signed::Version { addon: "a", version: "1.1.0", kind: "content_script", content_hash: &hash };
    let new = rotated.public_keys(now)[0].clone();
    assert!(verify(&new, header(&answer, "x-addon-signature"), &signed));
    let foreign = addons::key_set::KeySet::default().with_new_key(&[9; 32], 0, std::time::Duration::ZERO);
    shop.keys.put(foreign.to_json());
    let addons = shop.addons();
    // A cached secret changes when it is read anew.
    domain::access::SecretSource::refresh(&shop.keys).await.unwrap();
    assert_eq!(header(&send(&addons, get(PATH, "a")).await.unwrap(), "x-addon-signature"), "");
}
