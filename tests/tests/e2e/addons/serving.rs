//! What a reader of one addon gets.

use addons::signature::{Signed, verify};
use domain::primitives::sha256_hex;
use reqwest::Method;
use semantest_tests::cloud::eventually;
use serde_json::{Value, json};

use super::support::{Shop, header, refused, said, unique, unpacked};
use crate::Round;

/// Long enough to be smaller when it is compressed.
const SOURCE: &str = "/*! Licence */\nfunction greet(person) {\n  return 'Hello ' + person + ', hello ' + person;\n}\n\
    globalThis.greet = greet;\nglobalThis.greetAll = function (people) {\n  return people.map(greet).join(', ');\n};\n";

pub(super) fn tests(round: &mut Round<'_>) {
    round.test("addon_is_read_by_everybody_from_everywhere", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("open");
        shop.publish(&id, "1.0.0", json!({"content": SOURCE})).await;
        let url = format!("{}/api/v1/addons/{id}", cloud.url);
        let answer = cloud.http.get(&url).header("origin", "https://any.example").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        for (name, expected) in [
            ("access-control-allow-origin", "*"),
            ("content-type", "text/javascript; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
            ("x-ratelimit-limit", "1000"),
            ("cache-control", "public, max-age=60"),
            ("vary", "Accept-Encoding"),
            ("x-addon-id", &id),
            ("x-addon-version", "1.0.0"),
            ("x-addon-type", "content_script"),
        ] {
            assert_eq!(header(&answer, name), expected, "{name}");
        }
        let exposed = header(&answer, "access-control-expose-headers").to_ascii_lowercase();
        for name in
            ["etag", "x-addon-signature", "x-content-hash", "x-addon-version", "x-deprecation-warning"]
        {
            assert!(exposed.contains(name), "{name}: {exposed}");
        }
        let preflight = cloud.http.request(Method::OPTIONS, &url).header("origin", "https://any.example");
        let preflight =
            preflight.header("access-control-request-headers", "x-target-domain").send().await.unwrap();
        assert!(
            header(&preflight, "access-control-allow-headers").to_lowercase().contains("x-target-domain")
        );
        let wrong = cloud.http.get(&url).header("x-api-key", "sk_wrong").send().await.unwrap();
        refused(wrong, 401, "UNAUTHORIZED").await;
        refused(cloud.http.put(&url).send().await.unwrap(), 405, "METHOD_NOT_ALLOWED").await;
    });

    round.test("content_is_hashed_signed_and_compressed", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("signed");
        let made = shop.publish(&id, "1.0.0", json!({"content": SOURCE})).await;
        let key = shop.public_key().await;
        let mut texts = Vec::new();
        for query in ["?version=1.0.0", "?version=1.0.0&minified=false"] {
            let answer = shop.get(&format!("/{id}{query}")).await;
            assert_eq!(header(&answer, "cache-control"), "public, max-age=31536000, immutable");
            let (hash, signature) = (
                header(&answer, "x-content-hash").to_owned(),
                header(&answer, "x-addon-signature").to_owned(),
            );
            let (length, etag) =
                (header(&answer, "content-length").to_owned(), header(&answer, "etag").to_owned());
            let text = answer.text().await.unwrap();
            assert_eq!((sha256_hex(text.as_bytes()), text.len().to_string()), (hash.clone(), length));
            let signed =
                Signed::Version { addon: &id, version: "1.0.0", kind: "content_script", content_hash: &hash };
            assert!(verify(&key, &signature, &signed));

            for coding in ["br", "gzip"] {
                let packed = shop
                    .read(&format!("/{id}{query}"))
                    .header("accept-encoding", coding)
                    .send()
                    .await
                    .unwrap();
                assert_eq!(
                    (header(&packed, "content-encoding"), header(&packed, "x-content-hash")),
                    (coding, hash.as_str())
                );
                assert_ne!(header(&packed, "etag"), etag);
                let bytes = packed.bytes().await.unwrap();
                assert_eq!(unpacked(coding, &bytes), text.as_bytes());
            }
            texts.push(text);
        }
        assert_eq!(texts[1], SOURCE);
        assert!(texts[0].len() < SOURCE.len() && texts[0].contains("/*! Licence */"), "{}", texts[0]);
        assert_eq!(made["contentHash"], sha256_hex(SOURCE.as_bytes()));
        assert_eq!(made["performance"]["minifiedBytes"], texts[0].len());
    });

    round.test("conditions_are_evaluated_as_the_standard_says", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("conditional");
        shop.publish(&id, "1.0.0", json!({})).await;
        let path = format!("/{id}");
        let first = shop.get(&path).await;
        let (etag, date) = (header(&first, "etag").to_owned(), header(&first, "last-modified").to_owned());
        let list = format!("\"x\", W/{etag}");
        let (past, future) = ("Sat, 01 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 2050 00:00:00 GMT");
        let cases: [(&[(&str, &str)], u16); 12] = [
            (&[("if-none-match", &etag)], 304),
            (&[("if-none-match", &list)], 304),
            (&[("if-none-match", "*")], 304),
            (&[("if-none-match", "\"x\"")], 200),
            (&[("if-modified-since", &date)], 304),
            (&[("if-modified-since", future)], 304),
            (&[("if-modified-since", past)], 200),
            (&[("if-none-match", "\"x\""), ("if-modified-since", future)], 200),
            (&[("if-match", &etag)], 200),
            (&[("if-match", "\"x\"")], 412),
            (&[("if-unmodified-since", past)], 412),
            (&[("if-unmodified-since", future)], 200),
        ];
        for (headers, status) in cases {
            for method in [Method::GET, Method::HEAD] {
                let url = format!("{}/api/v1/addons{path}", cloud.url);
                let request = cloud.http.request(method.clone(), url).header("x-api-key", &cloud.api_key);
                let request =
                    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), status, "{method} {headers:?}");
                if status != 412 {
                    assert_eq!(header(&answer, "etag"), etag);
                }
                let is_empty = answer.bytes().await.unwrap().is_empty();
                assert_eq!(is_empty, method == Method::HEAD || status == 304, "{method} {headers:?}");
            }
        }
    });

    round.test("version_domain_and_status_decide", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("chosen");
        for (version, status) in [("1.0.0", "active"), ("1.2.0", "active"), ("1.3.0", "beta"), ("2.0.0-rc.1", "active")] {
            let more = json!({"content": format!("v('{version}');"), "status": status, "domainPatterns": ["*.shop.example"]});
            shop.publish(&id, version, more).await;
        }
        // A range may be answered from a catalog that is two seconds old.
        eventually("the newest version", async || {
            let answer = shop.get(&format!("/{id}")).await;
            (header(&answer, "x-addon-version") == "1.2.0").then_some(())
        })
        .await;
        for (range, expected) in [
            ("latest", "1.2.0"), ("1.x", "1.2.0"), ("^1.0.0", "1.2.0"), ("1.0.0", "1.0.0"), ("1.3.0", "1.3.0"),
            (">=1.0 <1.1 || 3", "1.0.0"), ("2.0.0-rc.1", "2.0.0-rc.1"), ("*", "1.2.0"),
        ] {
            let answer = shop.get(&asking(&id, "version", range)).await;
            assert_eq!(header(&answer, "x-addon-version"), expected, "{range}");
        }
        refused(shop.get(&format!("/{id}?version=%5E9")).await, 404, "ADDON_NOT_FOUND").await;
        refused(shop.get(&format!("/{id}?version=newest")).await, 400, "INVALID_VERSION").await;
        refused(shop.get(&format!("/{id}?minified=maybe")).await, 400, "VALIDATION_ERROR").await;
        for (domain, status) in
            [("shop.example", 200), ("a.b.SHOP.example", 200), ("notshop.example", 403), ("a b", 400)]
        {
            let by_header = shop.read(&format!("/{id}")).header("x-target-domain", domain).send().await.unwrap();
            let by_query = shop.get(&asking(&id, "targetDomain", domain)).await;
            for answer in [by_header, by_query] {
                if status == 403 {
                    refused(answer, 403, "DOMAIN_NOT_ALLOWED").await;
                } else {
                    assert_eq!(answer.status(), status, "{domain}");
                }
            }
        }
        let change = json!({"status": "deprecated", "deprecationMessage": "use something else"});
        said(shop.set_status(&id, change).await, 200).await;
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let answer = shop.get(&format!("/{id}")).await;
        assert_eq!(header(&answer, "x-deprecation-warning"), "use something else");
    });

    round.test("addons_are_listed_with_their_metadata", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let (one, two) = (unique("alist"), unique("blist"));
        let domain = format!("{}.example", unique("list"));
        let rule = json!({
            "id": "r", "priority": 3, "domains": [domain], "runAt": "document_start", "allFrames": true,
            "urlPatterns": [format!("https://{domain}/a/*")], "excludePatterns": [format!("https://{domain}/a/b")],
            "conditions": [{"type": "viewport", "operator": "greater_than", "value": 600.5}],
        });
        let config = json!({"minBrowserVersion": "120", "requiredPermissions": ["tabs"]});
        shop.publish(&two, "1.0.0", json!({"content": "globalThis.x=1;"})).await;
        let more = json!({
            "domainPatterns": [domain], "injectionRules": [rule], "config": config,
            "dependencies": [{"addonId": two, "version": "^1"}, {"addonId": "extra", "version": "*", "optional": true}],
        });
        shop.publish(&one, "1.0.0", more.clone()).await;
        shop.publish(&one, "2.0.0", json!({"status": "beta"})).await;
        let metadata = shop.json(&format!("/{one}/metadata?version=1.0.0")).await;
        for field in ["domainPatterns", "injectionRules", "config", "dependencies"] {
            assert_eq!(metadata[field], more[field], "{field}");
        }
        let list = shop.json(&format!("?domain={domain}&pageSize=1")).await;
        assert_eq!((&list["total"], &list["page"], &list["hasMore"]), (&json!(1), &json!(1), &json!(false)));
        let ids = async |query: &str| -> Vec<String> {
            let mut all = Vec::new();
            for page in 1.. {
                let list = shop.json(&format!("?pageSize=100&page={page}{query}")).await;
                all.extend(list["addons"].as_array().unwrap().iter().map(|one: &Value| one["id"].as_str().unwrap().to_owned()));
                if list["hasMore"] == false {
                    break;
                }
            }
            all
        };
        let all = ids("").await;
        assert!(all.is_sorted() && all.contains(&one) && all.contains(&two));
        let beta = ids("&status=beta").await;
        assert!(beta.contains(&one) && !beta.contains(&two));
        assert!(!ids("&type=style_sheet").await.contains(&one));
        let error = refused(shop.get("?page=0&pageSize=101&status=on&type=x&domain=a%20b").await, 400, "VALIDATION_ERROR").await;
        assert_eq!(error["details"].as_array().unwrap().len(), 5, "{error}");
        let first = shop.get("").await;
        let known = shop.read("").header("if-none-match", header(&first, "etag")).send().await.unwrap();
        assert!([200, 304].contains(&known.status().as_u16()), "other tests publish at the same time");
    });
}

pub(super) fn alone(round: &mut Round<'_>) {
    round.test("warm_reader_makes_no_call_but_the_limit", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("warm");
        shop.publish(&id, "1.0.0", json!({"domainPatterns": [format!("{id}.example")]})).await;
        let first = shop.get(&format!("/{id}")).await;
        let etag = header(&first, "etag").to_owned();
        let calls = async |path: &str, known: bool| {
            // Not counted: it may have been two seconds since the last look.
            shop.get(path).await;
            let seen = cloud.calls_so_far();
            let request = shop.read(path);
            let request = if known { request.header("if-none-match", &etag) } else { request };
            assert!(request.send().await.unwrap().status().as_u16() < 400);
            cloud.calls_of("addons-get", seen)
        };
        assert_eq!(calls(&format!("/{id}"), false).await, ["dynamodb:UpdateItem"]);
        assert_eq!(calls(&format!("/{id}"), true).await, ["dynamodb:UpdateItem"]);
        for path in ["bundle", "bundle.js", "userscripts"] {
            let calls = calls(&format!("/{id}.example/{path}"), false).await;
            assert_eq!(calls, ["dynamodb:UpdateItem", "dynamodb:GetItem"], "{path}");
        }
    });
}

/// The path of an addon with this parameter in its query.
fn asking(id: &str, name: &str, value: &str) -> String {
    let url = reqwest::Url::parse_with_params("http://any.example", [(name, value)]).unwrap();
    format!("/{id}?{}", url.query().unwrap())
}
