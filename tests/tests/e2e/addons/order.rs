//! Which addons a page gets, in which order, where and when: the contract's rules of pages.

use serde_json::{Value, json};

use super::support::{Shop, header, refused, said, unique};
use crate::Round;

/// A domain, and ids with a common ending that sort as their names do.
struct Scene {
    shop: Shop,
    name: String,
    domain: String,
}

impl Scene {
    async fn new(cloud: &std::sync::Arc<semantest_tests::cloud::Cloud>, name: &str) -> Self {
        let name = unique(name);
        Self { shop: Shop::new(cloud).await, domain: format!("{name}.example"), name }
    }

    fn id(&self, id: &str) -> String {
        format!("{id}-{}", self.name)
    }

    fn needs(&self, all: &[(&str, &str)]) -> Value {
        all.iter().map(|(id, range)| json!({"addonId": self.id(id), "version": range})).collect()
    }

    fn rule(&self, more: Value) -> Value {
        let mut rule = json!({"id": "r", "priority": 0, "domains": [self.domain], "runAt": "document_idle"});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    }

    async fn publish(&self, id: &str, version: &str, more: Value) {
        self.shop.publish(&self.id(id), version, more).await;
    }

    async fn page(&self, file: &str) -> Value {
        self.shop.json(&format!("/{}/{file}", self.domain)).await
    }

    /// The bundle's addons as `id version`.
    async fn bundled(&self) -> Vec<String> {
        let bundle = self.page("bundle").await;
        let ending = format!("-{}", self.name);
        let one = |addon: &Value| {
            let id = addon["addonId"].as_str().unwrap().replace(&ending, "");
            format!("{id} {}", addon["version"].as_str().unwrap())
        };
        bundle["addons"].as_array().unwrap().iter().map(one).collect()
    }

    /// The user scripts and their places: `id world`.
    async fn scripts(&self) -> Vec<(String, Value)> {
        let list = self.page("userscripts").await;
        let ending = format!("-{}", self.name);
        let scripts = list["scripts"].as_array().unwrap().iter();
        scripts.map(|one| (one["id"].as_str().unwrap().replace(&ending, ""), one.clone())).collect()
    }
}

pub(super) fn tests(round: &mut Round<'_>) {
    round.test("page_has_each_addon_once_by_dependency_priority_and_id", |cloud| async move {
        let scene = Scene::new(&cloud, "order").await;
        let with = |priority: i32| json!({"injectionRules": [scene.rule(json!({"priority": priority}))]});
        for version in ["1.0.0", "1.3.0", "2.0.0"] {
            scene.publish("zlib", version, json!({})).await;
        }
        let app = |range, priority: i32| {
            let mut app = with(priority);
            app["dependencies"] = scene.needs(&[("zlib", range)]);
            app
        };
        scene.publish("a", "1.0.0", with(0)).await;
        scene.publish("b", "1.0.0", with(5)).await;
        scene.publish("c", "1.0.0", app("^1", 9)).await;
        scene.publish("d", "1.0.0", with(5)).await;
        scene.publish("e", "1.0.0", app(">=1.2", 0)).await;
        // The dependency is of no rule: its priority is 0, and all that it lets go comes after it.
        let expected = ["b 1.0.0", "d 1.0.0", "a 1.0.0", "zlib 1.3.0", "c 1.0.0", "e 1.0.0"];
        assert_eq!(scene.bundled().await, expected);
        let ids: Vec<_> = scene.scripts().await.into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["0000.b", "0001.d", "0002.a", "0003.zlib", "0004.c", "0005.e"]);
        let bundle = scene.page("bundle").await;
        for (order, addon) in bundle["addons"].as_array().unwrap().iter().enumerate() {
            assert_eq!((&addon["order"], &addon["type"]), (&json!(order), &json!("content_script")));
        }
        let needed = &bundle["addons"][4]["dependencies"][0];
        assert_eq!((&needed["addonId"], &needed["version"]), (&json!(scene.id("zlib")), &json!("^1")));
        assert!(bundle["generatedAt"].as_str() < bundle["expiresAt"].as_str(), "{bundle}");
        let one_file = scene.shop.get(&format!("/{}/bundle.js", scene.domain)).await.text().await.unwrap();
        assert_eq!(one_file.matches("(function(){").count(), 6, "each is wrapped: {one_file}");
    });

    round.test("page_has_what_is_active_and_what_that_needs", |cloud| async move {
        let scene = Scene::new(&cloud, "status").await;
        let here = |status: &str| json!({"status": status, "domainPatterns": [scene.domain]});
        scene.publish("on", "1.0.0", here("active")).await;
        for status in ["beta", "deprecated", "inactive"] {
            scene.publish(status, "1.0.0", here(status)).await;
        }
        scene.publish("old", "1.0.0", json!({"status": "deprecated"})).await;
        let mut app = here("active");
        app["dependencies"] = scene.needs(&[("old", "^1")]);
        let optional = json!({"addonId": scene.id("absent"), "version": "*", "optional": true});
        app["dependencies"].as_array_mut().unwrap().push(optional);
        scene.publish("app", "1.0.0", app).await;
        let mut server = here("active");
        server["type"] = json!("background_script");
        server["content"] = json!("globalThis.server = 1;");
        scene.publish("server", "1.0.0", server).await;
        assert_eq!(scene.bundled().await, ["old 1.0.0", "app 1.0.0", "on 1.0.0"]);
        // An optional dependency is there once it is published.
        scene.publish("absent", "1.0.0", json!({})).await;
        assert_eq!(scene.bundled().await, ["absent 1.0.0", "old 1.0.0", "app 1.0.0", "on 1.0.0"]);
        assert_eq!(scene.scripts().await.len(), 4);
        let script = scene.shop.get(&format!("/{}/bundle.js", scene.domain)).await.text().await.unwrap();
        assert!(!script.contains("server"), "a background script is injected nowhere");
        let served = scene.shop.get(&format!("/{}", scene.id("server"))).await;
        assert_eq!((served.status().as_u16(), header(&served, "x-addon-type")), (200, "background_script"));
    });

    round.test("dependency_runs_where_when_and_in_the_world_that_it_is_needed", |cloud| async move {
        let scene = Scene::new(&cloud, "placed").await;
        let path = |path: &str| format!("*://{}/{path}", scene.domain);
        let needing = |rule: Value, kind: &str| {
            json!({"type": kind, "injectionRules": [scene.rule(rule)], "dependencies": scene.needs(&[("lib", "1.x")])})
        };
        scene.publish("lib", "1.0.0", json!({})).await;
        let early = json!({"urlPatterns": [path("a/*")], "excludePatterns": [path("a/x")], "runAt": "document_end"});
        scene.publish("early", "1.0.0", needing(early, "content_script")).await;
        let framed = json!({"urlPatterns": [path("b/*")], "allFrames": true});
        scene.publish("framed", "1.0.0", needing(framed, "content_script")).await;
        let inside = json!({"urlPatterns": [path("c/*")], "runAt": "document_start"});
        scene.publish("inside", "1.0.0", needing(inside, "injected_script")).await;
        let scripts = scene.scripts().await;
        let found: Vec<_> = scripts
            .iter()
            .map(|(id, one)| {
                (id.as_str(), one["world"].as_str().unwrap(), one["runAt"].as_str().unwrap(), one["allFrames"].as_bool().unwrap())
            })
            .collect();
        assert_eq!(
            found,
            [
                ("0000.lib", "USER_SCRIPT", "document_end", true),
                ("0001.lib", "MAIN", "document_start", false),
                ("0002.early", "USER_SCRIPT", "document_end", false),
                ("0003.framed", "USER_SCRIPT", "document_idle", true),
                ("0004.inside", "MAIN", "document_start", false),
            ]
        );
        let places: Vec<_> = scripts.iter().map(|(_, one)| (&one["matches"], &one["excludeMatches"])).collect();
        assert_eq!(places[0], (&json!([path("a/*"), path("b/*")]), &json!([path("a/x")])));
        assert_eq!(places[1], (&json!([path("c/*")]), &json!([])));
        assert_eq!(places[2], (&json!([path("a/*")]), &json!([path("a/x")])));
    });

    round.test("bundle_options_choose_what_is_in_it", |cloud| async move {
        let scene = Scene::new(&cloud, "options").await;
        scene.publish("lib", "1.0.0", json!({})).await;
        let app = json!({"domainPatterns": [scene.domain], "dependencies": scene.needs(&[("lib", "*")])});
        scene.publish("app", "1.0.0", app).await;
        let style = |content: &str| {
            json!({"type": "style_sheet", "content": content, "domainPatterns": [scene.domain]})
        };
        scene.publish("look", "1.0.0", style("a{b:c}")).await;
        scene.publish("more", "1.0.0", style("d{e:f}")).await;
        let url = format!("{}/api/v1/addons/{}/bundle", cloud.url, scene.domain);
        for (body, kept) in [
            (json!({}), vec!["lib", "app", "look", "more"]),
            (json!({"includeStyles": false}), vec!["lib", "app"]),
            (json!({"includeDependencies": false}), vec!["app", "look", "more"]),
            (json!({"includeStyles": false, "includeDependencies": false}), vec!["app"]),
        ] {
            let post = cloud.http.post(&url).header("x-api-key", &cloud.api_key).json(&body);
            let posted = post.send().await.unwrap();
            let tag = header(&posted, "etag").to_owned();
            let query: Vec<_> =
                body.as_object().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
            let got = scene.shop.get(&format!("/{}/bundle?{}", scene.domain, query.join("&"))).await;
            assert_eq!(header(&got, "etag"), tag);
            let (posted, got) = (posted.bytes().await.unwrap(), got.bytes().await.unwrap());
            assert_eq!(posted, got, "{body}");
            let bundle: Value = serde_json::from_slice(&got).unwrap();
            let ids: Vec<_> = bundle["addons"].as_array().unwrap().iter().map(|one| one["addonId"].as_str().unwrap()).collect();
            assert_eq!(ids, kept.iter().map(|id| scene.id(id)).collect::<Vec<_>>(), "{body}");
            let again = cloud.http.post(&url).header("x-api-key", &cloud.api_key).json(&body);
            assert_eq!(again.header("if-none-match", &tag).send().await.unwrap().status(), 304);
        }
        let css = scene.shop.get(&format!("/{}/bundle.css", scene.domain)).await.text().await.unwrap();
        assert!(css.find("a{b:c}") < css.find("d{e:f}"), "{css}");
        let list = scene.page("userscripts").await;
        for style in list["styles"].as_array().unwrap() {
            let fields: Vec<_> = style.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["css", "excludeMatches", "id", "matches"]);
        }
        // A domain without addons.
        let none = format!("{}.example", unique("none"));
        for file in ["bundle", "bundle.js", "bundle.css", "bundle.js.map"] {
            assert_eq!(scene.shop.get(&format!("/{none}/{file}")).await.status(), 204, "{file}");
        }
        let empty = scene.shop.json(&format!("/{none}/userscripts")).await;
        assert_eq!((&empty["scripts"], &empty["styles"]), (&json!([]), &json!([])));
        assert!(!empty["signature"].as_str().unwrap().is_empty(), "an empty list is signed too");
    });

    round.test("page_is_never_older_than_the_answer_to_a_change", |cloud| async move {
        let scene = Scene::new(&cloud, "fresh").await;
        scene.publish("stays", "1.0.0", json!({"domainPatterns": [scene.domain]})).await;
        let content =
            |at: usize| json!({"content": format!("globalThis.v = {at};"), "domainPatterns": [scene.domain]});
        scene.publish("app", "1.0.0", content(100)).await;
        let sees = async |text: &str, there: bool| {
            for file in ["bundle", "bundle.js", "userscripts"] {
                let answer = scene.shop.get(&format!("/{}/{file}", scene.domain)).await.text().await.unwrap();
                assert_eq!(answer.contains(text), there, "{file}: {text}");
            }
        };
        for at in 1..4 {
            scene.publish("app", &format!("1.{at}.0"), content(100 + at)).await;
            sees(&format!("globalThis.v={}", 100 + at), true).await;
        }
        let id = scene.id("app");
        said(scene.shop.set_status(&id, json!({"status": "inactive", "version": "1.3.0"})).await, 200).await;
        sees("globalThis.v=102", true).await;
        // Without a version, all change.
        said(scene.shop.set_status(&id, json!({"status": "inactive"})).await, 200).await;
        sees("globalThis.v", false).await;
        let versions = scene.shop.json(&format!("/{id}/versions")).await;
        assert!(versions["versions"].as_array().unwrap().iter().all(|one| one["status"] == "inactive"));
        said(scene.shop.set_status(&id, json!({"status": "active", "version": "1.1.0"})).await, 200).await;
        sees("globalThis.v=101", true).await;
        let deleted = scene.shop.admin(reqwest::Method::DELETE, &format!("/{id}")).send().await.unwrap();
        assert_eq!(deleted.status(), 204);
        sees("globalThis.v", false).await;
        refused(scene.shop.get(&format!("/{id}/versions")).await, 404, "ADDON_NOT_FOUND").await;
    });
}
