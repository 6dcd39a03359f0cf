//! What may be published, and by whom: the contract's rules of publishing.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::support::{Shop, body, header, refused, said, unique};
use crate::Round;

pub(super) fn tests(round: &mut Round<'_>) {
    round.test("publishing_needs_its_scope_on_every_path", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("scoped");
        shop.publish(&id, "1.0.0", json!({})).await;
        let calls = [
            (Method::POST, String::new(), body(&unique("scoped"), "1.0.0", json!({}))),
            (Method::PUT, format!("/{id}"), json!({"version": "1.1.0", "content": ""})),
            (Method::PATCH, format!("/{id}/status"), json!({"status": "inactive"})),
            (Method::DELETE, format!("/{id}"), json!({})),
        ];
        for (method, path, body) in calls {
            let url = format!("{}/api/v1/admin/addons{path}", cloud.url);
            let without = cloud.http.request(method.clone(), &url).json(&body).send().await.unwrap();
            refused(without, 401, "UNAUTHORIZED").await;
            let other = cloud.http.request(method, &url).header("x-api-key", &cloud.api_key).json(&body);
            refused(other.send().await.unwrap(), 403, "FORBIDDEN").await;
        }
        assert_eq!(shop.json(&format!("/{id}/metadata")).await["status"], "active");
    });

    round.test("fields_of_a_publication_have_their_limits", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let send = async |more: Value| {
            shop.admin(Method::POST, "").json(&body(&unique("limits"), "1.0.0", more)).send().await.unwrap()
        };
        for good in
            [json!({"name": "n".repeat(100)}), json!({"name": "n"}), json!({"description": "d".repeat(500)})]
        {
            said(send(good).await, 201).await;
        }
        let rule = |more: Value| {
            let mut rule =
                json!({"id": "r", "priority": 0, "domains": ["a.example"], "runAt": "document_idle"});
            rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"injectionRules": [rule]})
        };
        let condition = |more: Value| {
            let mut condition = json!({"type": "custom", "operator": "equals", "value": 1});
            condition.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            rule(json!({"conditions": [condition]}))
        };
        for (bad, path) in [
            (json!({"name": ""}), "name"),
            (json!({"name": "n".repeat(101)}), "name"),
            (json!({"description": "d".repeat(501)}), "description"),
            (json!({"type": "script"}), "type"),
            (json!({"status": "on"}), "status"),
            (json!({"addonId": "keys"}), "addonId"),
            (rule(json!({"priority": 0.5})), "injectionRules[0].priority"),
            (rule(json!({"runAt": "document_load"})), "injectionRules[0].runAt"),
            (rule(json!({"allFrames": 1})), "injectionRules[0].allFrames"),
            (rule(json!({"domains": []})), "injectionRules[0].domains"),
            (condition(json!({"type": "moon"})), "injectionRules[0].conditions[0].type"),
            (condition(json!({"operator": "is"})), "injectionRules[0].conditions[0].operator"),
            (condition(json!({"value": []})), "injectionRules[0].conditions[0].value"),
        ] {
            let error = refused(send(bad).await, 400, "VALIDATION_ERROR").await;
            assert_eq!(error["details"][0]["path"], path, "{error}");
        }
    });

    round.test("patterns_that_chromium_refuses_are_refused_with_its_reason", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        for (pattern, reason) in [
            ("example.com/*", "Missing scheme separator."),
            ("gopher://a.example/*", "Invalid scheme."),
            ("https:a.example/*", "Wrong scheme type."),
            ("https:///*", "Host can not be empty."),
            ("https://a*.example/*", "Invalid host wildcard."),
            ("https://a b/*", "Invalid host."),
            ("*://a.example:80/*", "Invalid port."),
            ("https://a.example", "Empty path."),
        ] {
            let rule = json!({"id": "r", "priority": 0, "domains": ["a.example"], "runAt": "document_idle",
                "urlPatterns": ["https://a.example/*", pattern], "excludePatterns": [pattern]});
            let body = body(&unique("refused"), "1.0.0", json!({"injectionRules": [rule]}));
            let error = refused(
                shop.admin(Method::POST, "").json(&body).send().await.unwrap(),
                400,
                "VALIDATION_ERROR",
            )
            .await;
            for (detail, path) in
                error["details"].as_array().unwrap().iter().zip(["urlPatterns[1]", "excludePatterns[0]"])
            {
                assert_eq!(detail["path"], format!("injectionRules[0].{path}"), "{error}");
                assert!(detail["message"].as_str().unwrap().ends_with(reason), "{pattern}: {error}");
            }
        }
    });

    round.test("content_is_kept_as_it_means", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("meant");
        for (content, message) in [
            ("export const a = 1;", "line 1 column "),
            ("\nclass A { @decorate b() {} }", "line 2 column "),
            ("using a = b();", "line 1 column "),
        ] {
            let sent = shop.admin(Method::POST, "").json(&body(&id, "1.0.0", json!({"content": content})));
            let error = refused(sent.send().await.unwrap(), 400, "VALIDATION_ERROR").await;
            assert_eq!(error["details"][0]["path"], "content", "{error}");
            assert!(error["details"][0]["message"].as_str().unwrap().starts_with(message), "{error}");
        }
        let content = "function f(object) { with (object) { return inner } }\nvar top = 1 + 1;\nf(top);\n//# sourceMappingURL=x.map\n";
        shop.publish(&id, "1.0.0", json!({"content": content})).await;
        let minified = shop.get(&format!("/{id}")).await.text().await.unwrap();
        assert!(minified.contains("f(object)") && minified.contains("return inner"), "no renaming beside with: {minified}");
        assert!(minified.contains("1+1") && minified.contains("var top"), "nothing is computed: {minified}");
        let source = shop.get(&format!("/{id}?minified=false")).await.text().await.unwrap();
        assert!(source.contains("1 + 1") && !source.contains("sourceMappingURL"), "{source}");
        let style = unique("meant");
        let css = "p { font: condensed 16px cursive; --id: 123456789 }";
        shop.publish(&style, "1.0.0", json!({"type": "style_sheet", "content": css})).await;
        let served = shop.get(&format!("/{style}")).await;
        assert_eq!(header(&served, "content-type"), "text/css; charset=utf-8");
        assert_eq!(served.text().await.unwrap(), "p{font: condensed 16px cursive;--id: 123456789 }");
    });

    round.test("author_is_warned_and_told_of_clashes_and_circles", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let (lib, app, side) = (unique("lib"), unique("app"), unique("side"));
        let needs = |id: &str, range: &str| json!({"addonId": id, "version": range});
        for version in ["1.4.0", "2.1.0"] {
            shop.publish(&lib, version, json!({"content": "function helper() {}\nhelper();"})).await;
        }
        let uses = json!({"content": "helper();", "dependencies": [needs(&lib, "^1")]});
        let made = shop.publish(&app, "1.0.0", uses).await;
        let warning = made["warnings"][0].as_str().unwrap_or_else(|| panic!("{made}"));
        assert!(warning.starts_with(&format!("{app} 1.0.0 uses `helper`")), "{warning}");
        assert_eq!(shop.json(&format!("/{app}/metadata")).await["warnings"], made["warnings"]);
        shop.publish(&side, "3.0.0", json!({"dependencies": [needs(&lib, "^2")]})).await;
        let both = json!({"dependencies": [needs(&app, "1"), needs(&side, "3")]});
        let sent =
            shop.admin(Method::POST, "").json(&body(&unique("top"), "1.0.0", both)).send().await.unwrap();
        let error = refused(sent, 400, "VALIDATION_ERROR").await;
        let message = error["details"][0]["message"].as_str().unwrap();
        for part in [
            format!("no version of \"{lib}\" fits"),
            format!("{app} 1.0.0 needs ^1"),
            format!("{side} 3.0.0 needs ^2"),
            "published: 1.4.0, 2.1.0".to_owned(),
        ] {
            assert!(message.contains(&part), "{part}: {message}");
        }
        let circle = json!({"dependencies": [needs(&app, "*")]});
        let sent = shop.admin(Method::POST, "").json(&body(&lib, "1.5.0", circle)).send().await.unwrap();
        let error = refused(sent, 400, "VALIDATION_ERROR").await;
        let message = error["details"][0]["message"].as_str().unwrap();
        assert!(
            message.ends_with(&format!("{app} → {lib} → {app}"))
                || message.ends_with(&format!("{lib} → {app} → {lib}")),
            "{message}"
        );
    });

    round.test("versions_inherit_and_become_active_only_whole", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let (base, id) = (unique("base"), unique("heir"));
        shop.publish(&base, "1.0.0", json!({})).await;
        let more = json!({
            "description": "d", "author": "Ada", "config": {"minBrowserVersion": "120"},
            "dependencies": [{"addonId": base, "version": "^1"}],
        });
        shop.publish(&id, "1.0.0", more.clone()).await;
        let put = async |id: &str, body: Value| {
            shop.admin(Method::PUT, &format!("/{id}")).json(&body).send().await.unwrap()
        };
        let made = said(put(&id, json!({"version": "1.1.0", "content": "g();"})).await, 201).await;
        for name in ["description", "author", "config"] {
            assert_eq!(made[name], more[name], "{name}");
        }
        assert_eq!(made["dependencies"][0]["addonId"], base);
        refused(put("none", json!({"version": "1.0.0", "content": ""})).await, 404, "ADDON_NOT_FOUND").await;
        let other = json!({"version": "1.2.0", "content": "", "type": "style_sheet"});
        let error = refused(put(&id, other).await, 400, "VALIDATION_ERROR").await;
        assert_eq!(error["details"][0]["path"], "type", "{error}");
        // Nobody active needs it any more: it may go. What needs it may not come back without it.
        said(shop.set_status(&id, json!({"status": "inactive"})).await, 200).await;
        let gone = shop.admin(Method::DELETE, &format!("/{base}")).send().await.unwrap();
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
        let error =
            refused(shop.set_status(&id, json!({"status": "active"})).await, 400, "VALIDATION_ERROR").await;
        assert_eq!(error["details"][0]["path"], "status", "{error}");
        assert!(error["details"][0]["message"].as_str().unwrap().contains(&base), "{error}");
    });
}
