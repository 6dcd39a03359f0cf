//! What the operator does.

use aws::addons::AddonsTable;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use domain::Timestamp;
use domain::addons::{AddonContentStore as _, AddonContents as _, AddonRegistry as _, ContentCoding};
use futures_util::future::join_all;
use reqwest::Method;
use semantest_tests::cloud::eventually;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

use super::support::{Shop, body, header, refused, said, unique};
use crate::Round;
use crate::command_line::make_key;

pub(super) fn tests(round: &mut Round<'_>) {
    round.test("addon_is_published_by_the_operator_alone", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("mine");
        let other = make_key(&cloud, "acme", &["images:write", "keys:admin"]);
        for (key, status, code) in [(other.as_str(), 403, "FORBIDDEN"), ("sk_none", 401, "UNAUTHORIZED")] {
            let url = format!("{}/api/v1/admin/addons", cloud.url);
            let request = cloud.http.post(url).header("x-api-key", key).json(&body(&id, "1.0.0", json!({})));
            refused(request.send().await.unwrap(), status, code).await;
        }
        let made = shop.publish(&id, "1.0.0", json!({"description": "d", "author": "me"})).await;
        assert_eq!(
            (&made["id"], &made["status"], &made["type"]),
            (&json!(id), &json!("active"), &json!("content_script"))
        );
        assert_eq!((&made["size"], &made["author"]), (&json!(4), &json!("me")));
        let nameless = shop.admin(Method::POST, "").json(&json!({
            "name": "n", "type": "style_sheet", "version": "0.1.0-rc.1", "content": "a{color:red}",
        }));
        let made = said(nameless.send().await.unwrap(), 201).await;
        assert!(made["id"].as_str().unwrap().parse::<Uuid>().is_ok(), "{made}");
    });

    round.test("faulty_publication_names_every_fault", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("faulty");
        let send = |more| shop.admin(Method::POST, "").json(&body(&id, "1.0.0", more)).send();
        let error = refused(
            send(json!({"name": "", "domainPatterns": ["*://a.example:80/*", "a.example"]})).await.unwrap(),
            400,
            "VALIDATION_ERROR",
        )
        .await;
        let faults: Vec<_> =
            error["details"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
        assert_eq!(faults, ["name", "domainPatterns[0]"]);
        assert!(error["details"][1]["message"].as_str().unwrap().ends_with("Invalid port."), "{error}");
        for (content, place) in [
            ("let a;\n  let a;", "line 2 column 7: "),
            ("'é😀'; return 1;", "line 1 column 8: "),
            ("await 1;", "line 1 column "),
            ("import 'x';", "line 1 column "),
            ("f(;", "line 1 column 3: "),
            ("/(/;", "line 1 column "),
        ] {
            let error =
                refused(send(json!({"content": content})).await.unwrap(), 400, "VALIDATION_ERROR").await;
            let fault = &error["details"][0];
            assert_eq!(fault["path"], "content", "{error}");
            assert!(fault["message"].as_str().unwrap().starts_with(place), "{content}: {error}");
        }
        for more in [
            json!({"version": "1.0"}),
            json!({"version": "1.0.0+build"}),
            json!({"dependencies": [{"addonId": "x", "version": ">1,<2"}]}),
        ] {
            refused(send(more).await.unwrap(), 400, "INVALID_VERSION").await;
        }
        let large = send(json!({"content": "x;".repeat(524_289)})).await.unwrap();
        refused(large, 413, "PAYLOAD_TOO_LARGE").await;
        refused(shop.get(&format!("/{id}")).await, 404, "ADDON_NOT_FOUND").await;
    });

    round.test("largest_script_is_published_and_served", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("large");
        // As many different words as fit: no repetition makes it small.
        let mut content = String::new();
        let mut number = 1_u64;
        while content.len() < 1_048_400 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            content.push_str(&format!("globalThis.v{number:x}=\"\\n\";\n"));
        }
        let made = shop.publish(&id, "1.0.0", json!({"content": content})).await;
        assert_eq!(made["size"], content.len());
        let source = shop.get(&format!("/{id}?minified=false")).await;
        assert_eq!(source.text().await.unwrap(), content);
    });

    round.test("version_that_is_published_twice_at_once_is_published_once", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("raced");
        let contents = ["one();", "two();", "three();", "four();"];
        let sent = contents.map(|content| {
            shop.admin(Method::POST, "").json(&body(&id, "1.0.0", json!({"content": content}))).send()
        });
        let answers = join_all(sent).await;
        let mut statuses: Vec<_> =
            answers.iter().map(|answer| answer.as_ref().unwrap().status().as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409]);
        for answer in answers {
            let answer = answer.unwrap();
            if answer.status() == 409 {
                refused(answer, 409, "VERSION_EXISTS").await;
            } else {
                let made = said(answer, 201).await;
                let served = shop.get(&format!("/{id}?version=1.0.0&minified=false")).await;
                assert_eq!(header(&served, "x-content-hash"), made["contentHash"]);
            }
        }
        // Different addons at once do not stop one another.
        let many = (0..6).map(|at| {
            shop.publish(&id, ["1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0", "1.6.0"][at], json!({}))
        });
        assert_eq!(join_all(many).await.len(), 6);
        let versions = shop.json(&format!("/{id}/versions")).await;
        assert_eq!(versions["versions"].as_array().unwrap().len(), 7);
        assert_eq!(versions["versions"][0]["version"], "1.6.0");
    });

    round.test("repeated_publication_with_the_same_key_is_the_first", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let key = unique("key");
        let send = |content: &str| {
            let body = json!({"name": "n", "type": "content_script", "version": "1.0.0", "content": content});
            shop.admin(Method::POST, "").header("idempotency-key", &key).json(&body).send()
        };
        let first = said(send("f();").await.unwrap(), 201).await;
        let again = send("f();").await.unwrap();
        assert_eq!(header(&again, "idempotent-replayed"), "true");
        assert_eq!(said(again, 201).await, first);
        refused(send("g();").await.unwrap(), 422, "IDEMPOTENCY_CONFLICT").await;
    });

    round.test("dependencies_are_checked_when_they_are_published", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let (lib, mid, app) = (unique("lib"), unique("mid"), unique("app"));
        let needs = |id: &str, range: &str| json!({"dependencies": [{"addonId": id, "version": range}]});
        let send = |id: &str, version: &str, more| {
            shop.admin(Method::POST, "").json(&body(id, version, more)).send()
        };
        shop.publish(&lib, "1.0.0", json!({})).await;
        for (id, range, path, message) in [
            ("none", "1", "dependencies[0].addonId", "there is no addon none".to_owned()),
            (
                &lib,
                "^2",
                "dependencies[0].version",
                format!("no version of {lib} satisfies ^2; published: 1.0.0"),
            ),
        ] {
            let error =
                refused(send(&app, "1.0.0", needs(id, range)).await.unwrap(), 400, "VALIDATION_ERROR").await;
            assert_eq!(error["details"][0]["path"], path);
            assert!(error["details"][0]["message"].as_str().unwrap().starts_with(&message), "{error}");
        }
        shop.publish(&mid, "1.0.0", needs(&lib, "^1")).await;
        shop.publish(&app, "1.0.0", needs(&mid, "1")).await;
        let circle = send(&lib, "1.1.0", needs(&app, "*")).await.unwrap();
        let error = refused(circle, 400, "VALIDATION_ERROR").await;
        assert!(error["details"][0]["message"].as_str().unwrap().contains("need each other: "), "{error}");

        for outcome in [
            shop.admin(Method::DELETE, &format!("/{lib}")).send().await.unwrap(),
            shop.set_status(&lib, json!({"status": "inactive"})).await,
        ] {
            let error = refused(outcome, 409, "ADDON_IN_USE").await;
            assert!(error["message"].as_str().unwrap().contains(&mid), "{error}");
        }
        for id in [&app, &mid, &lib] {
            let gone = shop.admin(Method::DELETE, &format!("/{id}")).send().await.unwrap();
            assert_eq!(gone.status(), 204);
            refused(shop.get(&format!("/{id}/metadata")).await, 404, "ADDON_NOT_FOUND").await;
        }
        refused(send(&lib, "1.0.0", json!({})).await.unwrap(), 409, "VERSION_EXISTS").await;
    });

    round.test("new_version_inherits_and_status_rolls_it_back", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("rolled");
        shop.publish(&id, "1.0.0", json!({"domainPatterns": ["rolled.example"], "content": "one();"})).await;
        let next = json!({"version": "1.1.0", "content": "two();"});
        let put = |body: &serde_json::Value| shop.admin(Method::PUT, &format!("/{id}")).json(body).send();
        let made = said(put(&next).await.unwrap(), 201).await;
        assert_eq!((&made["name"], &made["domainPatterns"]), (&json!(id), &json!(["rolled.example"])));
        refused(put(&next).await.unwrap(), 409, "VERSION_EXISTS").await;
        let served = async || shop.get(&format!("/{id}")).await.text().await.unwrap();
        assert_eq!(
            eventually("the new version", async || Some(served().await)
                .filter(|text| text.starts_with("two")))
            .await,
            "two();"
        );
        let changed = said(
            shop.set_status(&id, json!({"status": "inactive", "version": "1.1.0", "reason": "broken"})).await,
            200,
        )
        .await;
        assert_eq!((&changed["status"], &changed["reason"]), (&json!("inactive"), &json!("broken")));
        eventually("the old version", async || Some(served().await).filter(|text| text.starts_with("one")))
            .await;
        refused(shop.get(&format!("/{id}?version=1.1.0")).await, 404, "ADDON_NOT_FOUND").await;
        refused(shop.set_status(&id, json!({"status": "gone"})).await, 400, "VALIDATION_ERROR").await;
        refused(
            shop.set_status(&id, json!({"status": "active", "version": "9.9.9"})).await,
            404,
            "ADDON_NOT_FOUND",
        )
        .await;
        refused(shop.set_status("none", json!({"status": "active"})).await, 404, "ADDON_NOT_FOUND").await;
    });

    round.test("content_that_nothing_came_of_is_swept", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let table = AddonsTable::new(cloud.dynamodb.clone(), cloud.output("AddonsTable").to_owned());
        let (dead, running) = (Uuid::now_v7(), Uuid::now_v7());
        let old = Timestamp::from_millis(Timestamp::now().millis() - 7_200_000);
        for (publication, since) in [(dead, old), (running, Timestamp::now())] {
            table.begin(publication, since).await.unwrap();
            table.put(publication, "abc", ContentCoding::Identity, Bytes::from_static(b"f()")).await.unwrap();
        }
        shop.publish(&unique("sweeper"), "1.0.0", json!({})).await;
        let has = async |publication| {
            table.get(publication, "abc", ContentCoding::Identity).await.unwrap().is_some()
        };
        assert!(!has(dead).await && has(running).await);
        let row = cloud.dynamodb.get_item().table_name(cloud.output("AddonsTable"));
        let row =
            row.key("pk", AttributeValue::S("GARBAGE".into())).key("sk", AttributeValue::S(dead.to_string()));
        assert!(row.send().await.unwrap().item.is_none());
    });
}

pub(super) fn alone(round: &mut Round<'_>) {
    round.test("killed_publisher_leaves_the_old_state_or_the_new", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("killed");
        let content =
            |at: usize| (0..400).map(|line| format!("globalThis.k{at}_{line}={line};\n")).collect::<String>();
        shop.publish(&id, "1.0.0", json!({"content": content(0)})).await;
        let (mut published, mut died) = (0, 0);
        for at in 1..20_usize {
            let version = format!("1.{at}.0");
            let request = shop
                .admin(Method::POST, "")
                .json(&body(&id, &version, json!({"content": content(at)})))
                .send();
            let request = tokio::spawn(request);
            tokio::time::sleep(Duration::from_millis(4 * (at * at) as u64)).await;
            cloud.kill("admin-addons").await;
            let status = request.await.unwrap().map(|answer| answer.status().as_u16()).unwrap_or_default();
            let versions = shop.json(&format!("/{id}/versions")).await;
            let is_there =
                versions["versions"].as_array().unwrap().iter().any(|one| one["version"] == version);
            if status == 201 {
                assert!(is_there, "what was answered is there: {version}");
            }
            if is_there {
                published += 1;
                let text =
                    shop.get(&format!("/{id}?version={version}&minified=false")).await.text().await.unwrap();
                assert_eq!(text, content(at), "a version that is there is whole");
            } else {
                died += 1;
                refused(shop.get(&format!("/{id}?version={version}")).await, 404, "ADDON_NOT_FOUND").await;
            }
        }
        assert!(published > 0 && died > 0, "the kills met both states: {published} {died}");
    });
}
