//! What the pages of a domain get.

use addons::signature::{Signed, verify};
use domain::primitives::sha256_hex;
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Shop, body, header, refused, said, unique};
use crate::Round;

/// Publishes an addon that needs one whose id sorts after it, one for the page's world, and a style sheet.
async fn stocked(shop: &Shop) -> (String, [String; 4]) {
    let name = unique("page");
    let domain = format!("{name}.example");
    let ids = ["zbase", "app", "look", "world"].map(|kind| format!("{kind}-{name}"));
    let [base, app, look, world] = &ids;
    shop.publish(base, "1.0.0", json!({"content": "globalThis.base = 1;"})).await;
    let needs = json!([{"addonId": base, "version": "^1"}]);
    let rule =
        json!({"id": "r", "priority": 0, "domains": [domain], "runAt": "document_start", "allFrames": true});
    let more =
        json!({"content": "use(globalThis.base) // end", "dependencies": needs, "injectionRules": [rule]});
    shop.publish(app, "1.0.0", more).await;
    let style = json!({"type": "style_sheet", "content": "a { color: red }", "domainPatterns": [format!("*.{domain}")]});
    shop.publish(look, "1.0.0", style).await;
    let world_rule = json!({"type": "injected_script", "domainPatterns": [domain], "content": "seen();"});
    shop.publish(world, "1.0.0", world_rule).await;
    (domain, ids)
}

pub(super) fn tests(round: &mut Round<'_>) {
    round.test("bundle_is_one_file_with_a_source_map", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let (domain, _) = stocked(&shop).await;
        let script = shop.get(&format!("/{domain}/bundle.js")).await;
        assert_eq!(header(&script, "content-type"), "text/javascript; charset=utf-8");
        let script = script.text().await.unwrap();
        assert!(script.find("globalThis.base=1") < script.find("use(globalThis.base)"), "{script}");
        assert!(script.ends_with("//# sourceMappingURL=bundle.js.map\n"));
        let map = shop.json(&format!("/{domain}/bundle.js.map")).await;
        let sections = map["sections"].as_array().unwrap();
        assert!(
            sections.iter().any(|one| one["map"]["sourcesContent"][0].as_str().unwrap().contains("// end")),
            "{map}"
        );
        let style = shop.get(&format!("/{domain}/bundle.css")).await;
        assert_eq!(header(&style, "content-type"), "text/css; charset=utf-8");
        assert!(style.text().await.unwrap().contains("a{color: red}"));
    });

    round.test("user_scripts_are_what_chromium_takes", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let (domain, [base, app, look, world]) = stocked(&shop).await;
        let answer = shop.get(&format!("/{domain}/userscripts")).await;
        assert_eq!(header(&answer, "cache-control"), "public, max-age=60");
        let text = answer.text().await.unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        let scripts = list["scripts"].as_array().unwrap();
        let of = |id: &str| {
            let ending = format!(".{id}");
            scripts
                .iter()
                .find(|one| one["id"].as_str().unwrap().ends_with(&ending))
                .unwrap_or_else(|| panic!("{list}"))
        };
        let matches = json!([format!("*://{domain}/*")]);
        for id in [&base, &app] {
            let script = of(id);
            assert_eq!((&script["matches"], &script["runAt"]), (&matches, &json!("document_start")), "{id}");
            assert_eq!(
                (&script["allFrames"], &script["world"]),
                (&json!(true), &json!("USER_SCRIPT")),
                "{id}"
            );
        }
        assert_eq!(of(&world)["world"], "MAIN");
        assert!(of(&base)["id"].as_str() < of(&app)["id"].as_str(), "Chromium runs them by their ids");
        for script in scripts {
            let fields: Vec<_> = script.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["allFrames", "excludeMatches", "id", "js", "matches", "runAt", "world"]);
        }
        let style = list["styles"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"].as_str().unwrap().ends_with(&look));
        assert_eq!(style.unwrap()["css"], "a{color: red}");
        let signed = format!("{}}}", &text[..text.find(",\"signature\":").unwrap()]);
        let signature = list["signature"].as_str().unwrap();
        let what = Signed::UserScripts { domain: &domain, json: &signed };
        assert!(verify(&shop.public_key().await, signature, &what));
        let tampered = signed.replace("globalThis.base=1", "globalThis.base=2");
        let what = Signed::UserScripts { domain: &domain, json: &tampered };
        assert!(tampered != signed && !verify(&shop.public_key().await, signature, &what));
    });

    round.test("page_is_never_older_than_the_answer_to_a_publication", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let (domain, [base, ..]) = stocked(&shop).await;
        for at in 1..6 {
            let content = format!("globalThis.base = {};", at * 100);
            shop.publish(&base, &format!("1.{at}.0"), json!({"content": content})).await;
            let script = shop.get(&format!("/{domain}/bundle.js")).await.text().await.unwrap();
            assert!(script.contains(&format!("globalThis.base={}", at * 100)), "{script}");
        }
    });

    round.test("page_has_at_most_4_mb_which_everybody_can_read", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let domain = format!("{}.example", unique("full"));
        // Half of it is quotation marks, which are escaped twice on the way through Lambda.
        let content = format!("globalThis.x='{}';", "\"a".repeat(340_000));
        let more = || json!({"content": content, "domainPatterns": [domain]});
        for at in 0..3 {
            shop.publish(&format!("{}-{at}", unique("full")), "1.0.0", more()).await;
        }
        let one_more =
            shop.admin(Method::POST, "").json(&body(&unique("full"), "1.0.0", more())).send().await.unwrap();
        let error = refused(one_more, 400, "VALIDATION_ERROR").await;
        assert!(error["details"][0]["message"].as_str().unwrap().contains("4000000"), "{error}");
        for path in ["bundle", "bundle.js", "userscripts", "bundle.js.map"] {
            for accepted in ["identity", "br", "gzip"] {
                let answer = shop
                    .read(&format!("/{domain}/{path}"))
                    .header("accept-encoding", accepted)
                    .send()
                    .await
                    .unwrap();
                assert_eq!(answer.status(), 200, "{path} {accepted}");
                let length = answer.bytes().await.unwrap().len();
                assert!(
                    length > 100 && (accepted != "identity" || path == "bundle.js.map" || length > 1_900_000),
                    "{path} {accepted}: {length}"
                );
            }
        }
    });
}

pub(super) fn alone(round: &mut Round<'_>) {
    round.test("bundle_has_dependencies_first_and_is_the_same_for_post_and_get", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let (domain, [base, app, look, world]) = stocked(&shop).await;
        let url = format!("{}/api/v1/addons/{domain}/bundle", cloud.url);
        let request = |method| cloud.http.request(method, &url).header("x-api-key", &cloud.api_key);
        let got = request(Method::GET).send().await.unwrap();
        let posted = request(Method::POST).json(&json!({"includeStyles": true})).send().await.unwrap();
        for name in ["etag", "x-bundle-id", "content-type", "cache-control", "vary"] {
            assert_eq!(header(&got, name), header(&posted, name), "{name}");
            assert!(!header(&got, name).is_empty(), "{name}");
        }
        let (id, etag) = (header(&got, "x-bundle-id").to_owned(), header(&got, "etag").to_owned());
        let text = got.text().await.unwrap();
        let bundle: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(posted.text().await.unwrap(), text);
        assert_eq!((&bundle["bundleId"], &bundle["domain"]), (&json!(id), &json!(domain)));
        let list = bundle["addons"].as_array().unwrap();
        let ids: Vec<_> = list.iter().map(|one| one["addonId"].as_str().unwrap()).collect();
        let place = |id: &str| ids.iter().position(|one| *one == id).unwrap();
        assert!(
            place(&base) < place(&app) && ids.contains(&look.as_str()) && ids.contains(&world.as_str()),
            "{ids:?}"
        );
        assert_eq!(
            list.iter().map(|one| one["order"].as_u64().unwrap()).collect::<Vec<_>>(),
            (0..list.len() as u64).collect::<Vec<_>>()
        );
        let contents: String = list.iter().map(|one| one["content"].as_str().unwrap()).collect();
        assert_eq!(
            (&bundle["totalSize"], &bundle["contentHash"]),
            (&json!(contents.len()), &json!(sha256_hex(contents.as_bytes())))
        );
        let known = request(Method::GET).header("if-none-match", &etag).send().await.unwrap();
        assert_eq!(known.status(), 304);
        let some = json!({"includeStyles": false, "includeDependencies": false});
        let some: Value = said(request(Method::POST).json(&some).send().await.unwrap(), 200).await;
        let ids: Vec<_> =
            some["addons"].as_array().unwrap().iter().map(|one| one["addonId"].as_str().unwrap()).collect();
        assert!(
            !ids.contains(&base.as_str()) && !ids.contains(&look.as_str()) && ids.contains(&app.as_str()),
            "{ids:?}"
        );
        refused(
            request(Method::POST).json(&json!({"includeStyles": 1})).send().await.unwrap(),
            400,
            "VALIDATION_ERROR",
        )
        .await;
        assert_eq!(shop.get(&format!("/{}.example/bundle", unique("none"))).await.status(), 204);
        refused(shop.get("/a%20b/bundle").await, 400, "VALIDATION_ERROR").await;
    });
}
