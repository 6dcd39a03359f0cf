//! `semantest addons …`.

use std::sync::Arc;

use addons::signature::{Signed, verify};
use reqwest::Method;
use semantest_tests::cloud::{Cloud, eventually, semantest_command};
use serde_json::{Value, json};

use super::support::{Shop, body, header, said, unique};
use crate::Round;

/// Runs `semantest addons …`; returns whether it succeeded, and what it said.
async fn addons(cloud: &Arc<Cloud>, key: &str, arguments: &[&str]) -> (bool, String, String) {
    let mut command = semantest_command(&cloud.data);
    command.arg("addons").args(arguments).env("SEMANTEST_URL", &cloud.url).env("SEMANTEST_API_KEY", key);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

pub(super) fn tests(round: &mut Round<'_>) {
    round.test("command_publishes_lists_changes_and_deletes", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let id = unique("tool");
        let folder = cloud.data.join(&id);
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("tool.js");
        std::fs::write(&file, "globalThis.tool = 1;\n").unwrap();
        let file = file.to_str().unwrap();
        let run = async |arguments: &[&str]| addons(&cloud, &shop.key, arguments).await;

        let publish = ["publish", file, "--id", &id, "--version", "1.0.0", "--domain", "*.tool.example"];
        let (good, out, err) = run(&publish).await;
        assert!(good && out.contains(&id) && out.contains("1.0.0"), "{out}{err}");
        let (good, out, err) = run(&publish).await;
        assert!(good, "the same content is published already: {out}{err}");
        std::fs::write(file, "globalThis.tool = 2;\n").unwrap();
        let (good, out, err) = run(&publish).await;
        assert!(!good, "another content is not: {out}{err}");
        let (good, ..) = run(&["publish", file, "--id", &id, "--version", "1.1.0"]).await;
        assert!(good);
        std::fs::write(file, "let a;\n  let a;\n").unwrap();
        let (good, out, err) = run(&["publish", file, "--id", &id, "--version", "1.2.0"]).await;
        assert!(!good && format!("{out}{err}").contains("tool.js:2:7: "), "{out}{err}");

        let (good, out, _) = run(&["list", "--domain", "www.tool.example", "--json"]).await;
        let listed: Value = serde_json::from_str(&out).unwrap();
        assert!(good && out.contains(&id), "{listed}");
        let (good, out, err) =
            run(&["status", &id, "inactive", "--version", "1.1.0", "--reason", "broken"]).await;
        assert!(good, "{out}{err}");
        let metadata = shop.json(&format!("/{id}/metadata?version=1.1.0")).await;
        assert_eq!((&metadata["status"], &metadata["reason"]), (&json!("inactive"), &json!("broken")));
        let (good, out, err) = run(&["delete", &id, "--yes"]).await;
        assert!(good, "{out}{err}");
        assert_eq!(shop.get(&format!("/{id}/metadata")).await.status(), 404);

        let (good, out, err) = run(&["keys", "list"]).await;
        assert!(good && out.contains(&shop.public_key().await.id()), "{out}{err}");
    });
}

/// Asserts that every addon is signed by one of the keys that are published, and returns how many scripts the domain's
/// pages get, and how many keys there are.
async fn verified(shop: &Shop, domain: &str, ids: &[String]) -> (usize, usize) {
    let list = shop.json(&format!("/{domain}/userscripts")).await;
    // A function reads the keys anew when it meets a version that they have not signed.
    let mut keys = shop.public_keys().await;
    let mut signed = Vec::new();
    for id in ids {
        let content = shop.get(&format!("/{id}?version=1.0.0")).await;
        let text = |name| header(&content, name).to_owned();
        signed.push((id, text("x-addon-signature"), text("x-content-hash")));
    }
    let present = shop.public_keys().await;
    keys.extend(present.iter().cloned());
    for (id, signature, content_hash) in &signed {
        let signed = Signed::Version { addon: id, version: "1.0.0", kind: "content_script", content_hash };
        assert!(keys.iter().any(|key| verify(key, signature, &signed)), "{id}: {signature}");
    }
    (list["scripts"].as_array().unwrap().len(), present.len())
}

pub(super) fn alone(round: &mut Round<'_>) {
    round.test("addons_stay_signed_while_a_key_is_replaced", |cloud| async move {
        let shop = Shop::new(&cloud).await;
        let domain = format!("{}.example", unique("keys"));
        let mut ids = Vec::new();
        let publish = async |ids: &mut Vec<String>| {
            let id = unique("rotated");
            // The first request may meet a process that was killed.
            let answer = eventually("an answer of a process that lives", async || {
                let body = body(&id, "1.0.0", json!({"domainPatterns": [domain]}));
                let answer = shop.admin(Method::POST, "").json(&body).send().await.unwrap();
                (answer.status() != 500).then_some(answer)
            });
            said(answer.await, 201).await;
            ids.push(id);
        };
        publish(&mut ids).await;
        assert_eq!(verified(&shop, &domain, &ids).await, (1, 1));

        for (overlap, keys) in [("720", 2), ("0", 1)] {
            let create = ["keys", "create", "--overlap-hours", overlap];
            let (good, out, err) = addons(&cloud, &shop.key, &create).await;
            assert!(good && out.contains("Ed25519"), "{out}{err}");
            // A publisher that has the new key, and readers that have not.
            cloud.kill("admin-addons").await;
            publish(&mut ids).await;
            assert_eq!(verified(&shop, &domain, &ids).await.0, ids.len(), "by functions with the old keys");
            cloud.kill("addons-get").await;
            eventually("readers that live", async || {
                let answers = futures_util::future::join_all((0..8).map(|_| shop.get("/keys"))).await;
                answers.iter().all(|answer| answer.status() == 200).then_some(())
            })
            .await;
            assert_eq!(verified(&shop, &domain, &ids).await, (ids.len(), keys), "by new functions");
        }
    });
}
