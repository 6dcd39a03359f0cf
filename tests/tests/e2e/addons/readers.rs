//! What readers get: codings, dates, caches, lists, and who may ask.

use addons::signature::{PublicKey, Signed, verify};
use reqwest::Method;
use semantest_tests::cloud::eventually;
use serde_json::{Value, json};

use super::support::{Shop, header, refused, said, unique, unpacked};
use crate::Round;

/// Long enough to be smaller when it is compressed.
const CONTENT: &str = "globalThis.first = 'one text';\nglobalThis.second = 'one text';\nglobalThis.third = 'one text';\n\
    globalThis.fourth = 'one text';\nglobalThis.fifth = 'one text';\nglobalThis.sixth = 'one text';\n";

pub(super) fn tests(round: &mut Round<'_>) {
    round.test("every_addon_answer_has_its_codings_conditions_and_head", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let (id, domain) = (unique("coded"), format!("{}.example", unique("coded")));
        shop.publish(&id, "1.0.0", json!({"content": CONTENT, "domainPatterns": [domain]})).await;
        let style = json!({"type": "style_sheet", "content": CONTENT.replace("globalThis.", ".").replace(" = 'one text';", "{color:red}"), "domainPatterns": [domain]});
        shop.publish(&unique("coded-look"), "1.0.0", style).await;
        for path in [
            format!("/{id}"),
            format!("/{domain}/bundle"),
            format!("/{domain}/bundle.js"),
            format!("/{domain}/bundle.js.map"),
            format!("/{domain}/bundle.css"),
            format!("/{domain}/userscripts"),
        ] {
            let plain = shop.read(&path).header("accept-encoding", "identity").send().await.unwrap();
            assert_eq!(header(&plain, "content-encoding"), "", "{path}");
            assert_eq!(header(&plain, "cache-control"), "public, max-age=60", "{path}");
            assert!(header(&plain, "vary").contains("Accept-Encoding"), "{path}");
            let plain = plain.bytes().await.unwrap();
            let mut tags = Vec::new();
            for (accepted, coding) in [
                ("br", "br"),
                ("gzip", "gzip"),
                ("gzip, br", "br"),
                ("br;q=0.1, gzip;q=0.5", "gzip"),
                ("br;q=0, *", "gzip"),
                ("br;q=0, gzip;q=0", ""),
                ("*", "br"),
                ("deflate", ""),
            ] {
                let ask = |method| {
                    let url = format!("{}/api/v1/addons{path}", cloud.url);
                    let request = cloud.http.request(method, url).header("x-api-key", &cloud.api_key);
                    request.header("accept-encoding", accepted)
                };
                let got = ask(Method::GET).send().await.unwrap();
                let head = ask(Method::HEAD).send().await.unwrap();
                assert_eq!((got.status(), head.status()), (head.status(), got.status()));
                assert_eq!(header(&got, "content-encoding"), coding, "{path} {accepted}");
                for name in ["etag", "content-type", "content-length", "content-encoding", "vary", "cache-control", "x-content-hash", "last-modified"] {
                    assert_eq!(header(&head, name), header(&got, name), "HEAD {path} {accepted}: {name}");
                }
                assert!(head.bytes().await.unwrap().is_empty(), "{path}");
                let tag = header(&got, "etag").to_owned();
                assert!(tag.starts_with('"'), "a strong tag: {tag}");
                assert_eq!(ask(Method::GET).header("if-none-match", &tag).send().await.unwrap().status(), 304);
                let weak = ask(Method::GET).header("if-none-match", format!("\"x\", W/{tag}"));
                assert_eq!(weak.send().await.unwrap().status(), 304, "{path}");
                let length = header(&got, "content-length").to_owned();
                let bytes = got.bytes().await.unwrap();
                assert_eq!(bytes.len().to_string(), length, "{path} {accepted}");
                assert_eq!(unpacked(coding, &bytes), plain, "{path} {accepted}");
                tags.push((coding, tag));
            }
            tags.sort();
            tags.dedup();
            assert_eq!(tags.len(), 3, "one tag for each coding: {tags:?}");
        }
    });

    round.test("conditions_by_date_follow_every_change", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("dated");
        shop.publish(&id, "1.0.0", json!({"content": "one();"})).await;
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        shop.publish(&id, "1.1.0", json!({"content": "two();"})).await;
        let newer = eventually("the newer version", async || {
            let answer = shop.get(&format!("/{id}")).await;
            (header(&answer, "x-addon-version") == "1.1.0").then_some(answer)
        })
        .await;
        let date = header(&newer, "last-modified").to_owned();
        assert!(date.ends_with(" GMT"), "{date}");
        let since = async |name: &str, date: &str| {
            shop.read(&format!("/{id}")).header(name, date).send().await.unwrap().status().as_u16()
        };
        assert_eq!(since("if-modified-since", &date).await, 304);
        assert_eq!(since("if-modified-since", "Sat Nov 28 23:59:59 2099").await, 304, "asctime");
        assert_eq!(
            since("if-modified-since", "Saturday, 28-Nov-99 23:59:59 GMT").await,
            200,
            "RFC 850 of 1999"
        );
        assert_eq!(since("if-modified-since", "yesterday").await, 200);
        assert_eq!(since("if-unmodified-since", &date).await, 200);
        assert_eq!(since("if-match", "*").await, 200);
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        said(shop.set_status(&id, json!({"status": "inactive", "version": "1.1.0"})).await, 200).await;
        // The older version is new to whoever had the newer one.
        eventually("the older version", async || {
            (since("if-modified-since", &date).await == 200).then_some(())
        })
        .await;
        assert_eq!(since("if-unmodified-since", &date).await, 412);
    });

    round.test("caches_are_told_what_may_change", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("cached");
        shop.publish(&id, "1.0.0", json!({"type": "style_sheet", "content": "a{b:c}"})).await;
        for (path, expected) in [
            (format!("/{id}?version=1.0.0"), "public, max-age=31536000, immutable"),
            (format!("/{id}?version=%5E1.0"), "public, max-age=60"),
            (format!("/{id}?version=latest"), "public, max-age=60"),
            (format!("/{id}/metadata"), "public, max-age=60"),
            (format!("/{id}/versions"), "public, max-age=60"),
            ("?pageSize=1".to_owned(), "public, max-age=60"),
            ("/keys".to_owned(), "public, max-age=60"),
        ] {
            // Nobody needs a key, and any page may ask.
            let url = format!("{}/api/v1/addons{path}", cloud.url);
            let answer = cloud.http.get(&url).header("origin", "https://any.example").send().await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), header(&answer, "cache-control")),
                (200, expected),
                "{path}"
            );
            assert_eq!(header(&answer, "access-control-allow-origin"), "*", "{path}");
            assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
        }
        let style = shop.get(&format!("/{id}")).await;
        assert_eq!(
            (header(&style, "content-type"), header(&style, "x-addon-type")),
            ("text/css; charset=utf-8", "style_sheet")
        );
        let key = shop.public_key().await;
        let (hash, signature) = (header(&style, "x-content-hash"), header(&style, "x-addon-signature"));
        let of = |addon, version, kind, content_hash| Signed::Version { addon, version, kind, content_hash };
        assert!(verify(&key, signature, &of(&id, "1.0.0", "style_sheet", hash)));
        for other in [
            of("other", "1.0.0", "style_sheet", hash),
            of(&id, "1.0.1", "style_sheet", hash),
            of(&id, "1.0.0", "content_script", hash),
            of(&id, "1.0.0", "style_sheet", &hash.replace(['0', '1', '2', '3'], "4")),
        ] {
            assert!(!verify(&key, signature, &other), "{other:?}");
        }
        let keys = shop.json("/keys").await;
        for key in keys["keys"].as_array().unwrap() {
            let fields: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["alg", "crv", "kid", "kty", "use", "x"], "no private half");
            assert_eq!(
                (&key["kty"], &key["crv"], &key["use"]),
                (&json!("OKP"), &json!("Ed25519"), &json!("sig"))
            );
            let public = PublicKey { x: key["x"].as_str().unwrap().to_owned() };
            assert_eq!(key["kid"], public.id());
        }
    });

    round.test("lists_have_their_filters_and_pages", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let name = unique("listed");
        let domain = format!("{name}.example");
        for (at, status) in ["active", "deprecated", "inactive", "beta", "active"].iter().enumerate() {
            let kind = if at == 4 { "style_sheet" } else { "content_script" };
            let more = json!({"status": status, "type": kind, "domainPatterns": [domain], "content": ""});
            shop.publish(&format!("{name}-{at}"), "1.0.0", more).await;
        }
        let list = async |query: &str| -> (Vec<u64>, Value) {
            let list = shop.json(&format!("?domain={domain}{query}")).await;
            let ids = list["addons"].as_array().unwrap().iter();
            let ids = ids.map(|one| one["id"].as_str().unwrap().rsplit('-').next().unwrap().parse().unwrap());
            (ids.collect(), list)
        };
        let (ids, all) = list("").await;
        assert_eq!((ids, &all["total"], &all["pageSize"]), (vec![0, 1, 2, 3, 4], &json!(5), &json!(20)));
        assert_eq!(list("&status=deprecated").await.0, [1]);
        assert_eq!(list("&status=inactive").await.0, [2]);
        assert_eq!(list("&status=beta&type=content_script").await.0, [3]);
        assert_eq!(list("&type=style_sheet").await.0, [4]);
        let (first, page) = list("&pageSize=2").await;
        assert_eq!((first, &page["hasMore"], &page["page"]), (vec![0, 1], &json!(true), &json!(1)));
        let (last, page) = list("&pageSize=2&page=3").await;
        assert_eq!((last, &page["hasMore"], &page["page"]), (vec![4], &json!(false), &json!(3)));
        let none = shop.json(&format!("?domain={}.example", unique("none"))).await;
        assert!(
            none["addons"].as_array().unwrap().iter().all(|one| one["domainPatterns"] != json!([domain]))
        );
        let error = refused(
            shop.get("?status=x&type=y&page=0&pageSize=101&domain=a%20b").await,
            400,
            "VALIDATION_ERROR",
        )
        .await;
        assert_eq!(error["details"].as_array().unwrap().len(), 5, "{error}");
    });

    round.test("metadata_and_versions_tell_all_of_an_addon", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("told");
        let conditions = json!([
            {"type": "user_agent", "operator": "contains", "value": "Firefox"},
            {"type": "viewport", "operator": "greater_than", "value": 600},
            {"type": "viewport", "operator": "less_than", "value": 2000.5},
            {"type": "feature_flag", "operator": "equals", "value": true},
            {"type": "custom", "operator": "matches", "value": "^a"},
        ]);
        let rule = json!({"id": "r", "priority": -3, "domains": ["told.example"], "urlPatterns": ["https://told.example/a/*"],
            "excludePatterns": ["https://told.example/a/b"], "runAt": "document_end", "allFrames": true, "conditions": conditions});
        let more = json!({
            "description": "what it does", "author": "Ada", "domainPatterns": ["told.example"], "injectionRules": [rule],
            "dependencies": [{"addonId": "absent", "version": "^1", "optional": true}], "content": "globalThis.told = 1;\n",
            "config": {"minBrowserVersion": "120", "maxBrowserVersion": "200", "requiredPermissions": ["storage"], "experimentalFeatures": ["x"]},
        });
        let made = shop.publish(&id, "1.0.0", more.clone()).await;
        let metadata = shop.json(&format!("/{id}/metadata")).await;
        assert_eq!(made, metadata, "what publishing answers");
        for name in ["description", "author", "domainPatterns", "dependencies", "config"] {
            assert_eq!(metadata[name], more[name], "{name}");
        }
        let told = &metadata["injectionRules"][0];
        for name in ["id", "priority", "domains", "urlPatterns", "excludePatterns", "runAt", "allFrames"] {
            assert_eq!(told[name], rule[name], "{name}");
        }
        for (told, given) in told["conditions"].as_array().unwrap().iter().zip(conditions.as_array().unwrap()) {
            assert_eq!((&told["type"], &told["operator"]), (&given["type"], &given["operator"]));
            assert!(told["value"] == given["value"] || told["value"].as_f64() == given["value"].as_f64(), "{told}");
        }
        let source = "globalThis.told = 1;\n";
        assert_eq!(metadata["contentHash"], domain::primitives::sha256_hex(source.as_bytes()));
        assert_eq!((&metadata["size"], &metadata["version"], &metadata["status"]), (&json!(source.len()), &json!("1.0.0"), &json!("active")));
        assert_eq!((&metadata["id"], &metadata["name"], &metadata["type"]), (&json!(id), &json!(id), &json!("content_script")));
        assert_eq!(metadata["createdAt"], metadata["updatedAt"]);
        assert!(metadata["performance"]["brotliBytes"].is_u64(), "{metadata}");
        shop.publish(&id, "1.1.0", json!({"content": "globalThis.told = 2;"})).await;
        let change = json!({"status": "deprecated", "version": "1.0.0", "deprecationMessage": "use 1.1"});
        said(shop.set_status(&id, change).await, 200).await;
        let old = shop.json(&format!("/{id}/metadata?version=1.0.0")).await;
        assert_eq!((&old["status"], &old["deprecationMessage"]), (&json!("deprecated"), &json!("use 1.1")));
        assert!(old["updatedAt"].as_str() > old["createdAt"].as_str(), "{old}");
        assert_eq!(shop.json(&format!("/{id}/metadata?version=%5E1")).await["version"], "1.1.0");
        let versions = shop.json(&format!("/{id}/versions")).await;
        let versions: Vec<_> = versions["versions"].as_array().unwrap().iter().collect();
        for (version, (number, status)) in versions.iter().zip([("1.1.0", "active"), ("1.0.0", "deprecated")]) {
            assert_eq!((&version["version"], &version["status"]), (&json!(number), &json!(status)));
            let fields: Vec<_> = version.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["contentHash", "createdAt", "size", "status", "version"]);
        }
        assert_eq!((versions.len(), &versions[1]["contentHash"]), (2, &metadata["contentHash"]));
        // A range falls back to what is deprecated, and says so.
        let answer = shop.get(&format!("/{id}?version=~1.0.0")).await;
        assert_eq!((header(&answer, "x-addon-version"), header(&answer, "x-deprecation-warning")), ("1.0.0", "use 1.1"));
        for path in ["/none/metadata", "/none/versions", "/none"] {
            refused(shop.get(path).await, 404, "ADDON_NOT_FOUND").await;
        }
    });
}
