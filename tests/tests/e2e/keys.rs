//! API keys: permissions to manage them and their life cycle, through the API and the command line.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response};
use semantest_tests::cloud::{Cloud, eventually, semantest_command};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Round;
use crate::command_line::make_key;

async fn call(cloud: &Cloud, key: &str, method: Method, path: &str, body: Option<&Value>) -> Response {
    let request = cloud.http.request(method, format!("{}/api/v1/admin/keys{path}", cloud.url));
    let request = request.header("x-api-key", key);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    request.send().await.unwrap()
}

async fn said(answer: Response, status: u16) -> Value {
    let got = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(got, status, "{body}");
    body
}

/// Whether a key with `images:read` is accepted.
async fn lets_in(cloud: &Cloud, key: &str) -> bool {
    let url = format!("{}/api/v1/images/status/{}", cloud.url, Uuid::new_v4());
    let status = cloud.http.get(url).header("x-api-key", key).send().await.unwrap().status().as_u16();
    assert!([401, 404].contains(&status), "{status}");
    status == 404
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

/// Runs `semantest keys …` on the tests' cloud and returns its output.
async fn keys_command(cloud: &Arc<Cloud>, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = semantest_command(&cloud.data);
    command.arg("keys").args(arguments).envs(environment.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("key_is_shown_once_and_lists_hold_no_secret", |cloud| async move {
        let admin = make_key(&cloud, "lister", &["keys:admin"]);
        let body = json!({"name": "the website", "scopes": ["images:read"]});
        let made = said(call(&cloud, &admin, Method::POST, "", Some(&body)).await, 201).await;
        assert_eq!((text(&made, "clientId"), text(&made, "name")), ("lister", "the website"));
        assert_eq!(made["scopes"], json!(["images:read"]));
        assert!(lets_in(&cloud, text(&made, "key")).await, "good from the moment it is made");
        let listed = eventually("the list has it", async || {
            let listed = said(call(&cloud, &admin, Method::GET, "", None).await, 200).await;
            let keys = listed["keys"].as_array().unwrap();
            (keys.len() == 2).then(|| listed.clone())
        })
        .await;
        let ids: Vec<_> = listed["keys"].as_array().unwrap().iter().map(|key| text(key, "id")).collect();
        assert!(ids.is_sorted() && ids.contains(&text(&made, "id")), "{listed}");
        for secret in [&text(&made, "key")[35..], &admin[35..], "sk_", "hash"] {
            assert!(!listed.to_string().contains(secret), "{listed}");
        }
    });

    round.test("invalid_new_key_reports_every_field_error", |cloud| async move {
        let admin = make_key(&cloud, "faulty", &["keys:admin"]);
        let body = json!({"name": "x".repeat(101), "scopes": ["chat", "nope", "clients:admin"],
            "limits": {"/nope": 1, "/chat/new": 0}});
        let error = said(call(&cloud, &admin, Method::POST, "", Some(&body)).await, 400).await;
        let faults = error["error"]["details"].as_array().unwrap();
        let paths: Vec<_> = faults.iter().map(|fault| text(fault, "path")).collect();
        assert_eq!(paths, ["name", "scopes[1]", "scopes[2]", "limits./chat/new", "limits./nope"]);
    });

    round.test("revoked_key_stops_within_30s", |cloud| async move {
        let admin = make_key(&cloud, "revoker", &["keys:admin"]);
        let body = json!({"name": "n", "scopes": ["images:read"]});
        let made = said(call(&cloud, &admin, Method::POST, "", Some(&body)).await, 201).await;
        let (key, path) = (text(&made, "key"), format!("/{}", text(&made, "id")));
        assert!(lets_in(&cloud, key).await, "and so the functions know it");
        assert_eq!(call(&cloud, &admin, Method::DELETE, &path, None).await.status(), 204);
        tokio::time::sleep(Duration::from_secs(30)).await;
        for _ in 0..10 {
            assert!(!lets_in(&cloud, key).await);
        }
        assert_eq!(
            call(&cloud, &admin, Method::DELETE, &path, None).await.status(),
            204,
            "as often as you like"
        );
        let rotated = call(&cloud, &admin, Method::POST, &format!("{path}/rotate"), None).await;
        assert_eq!(text(&said(rotated, 404).await["error"], "code"), "NOT_FOUND");
        let listed = said(call(&cloud, &admin, Method::GET, "", None).await, 200).await;
        let mut all = listed["keys"].as_array().unwrap().iter();
        assert!(all.any(|key| key["id"] == made["id"] && key["revokedAt"].is_string()), "{listed}");
    });

    round.test("rotated_key_works_until_the_overlap_ends", |cloud| async move {
        let admin = make_key(&cloud, "rotator", &["keys:admin"]);
        let body = json!({"name": "n", "scopes": ["images:read"]});
        let old = said(call(&cloud, &admin, Method::POST, "", Some(&body)).await, 201).await;
        let path = format!("/{}/rotate", text(&old, "id"));
        let overlap = json!({"overlapSeconds": 8});
        let new = said(call(&cloud, &admin, Method::POST, &path, Some(&overlap)).await, 201).await;
        assert_eq!((&new["scopes"], &new["name"]), (&old["scopes"], &old["name"]));
        assert_ne!(new["id"], old["id"]);
        // The functions see the old key for the first time here, so they cache when it expires.
        assert!(lets_in(&cloud, text(&old, "key")).await && lets_in(&cloud, text(&new, "key")).await);
        tokio::time::sleep(Duration::from_secs(8)).await;
        assert!(!lets_in(&cloud, text(&old, "key")).await && lets_in(&cloud, text(&new, "key")).await);
        let weeks = json!({"overlapSeconds": 604_801});
        let path = format!("/{}/rotate", text(&new, "id"));
        said(call(&cloud, &admin, Method::POST, &path, Some(&weeks)).await, 400).await;
    });

    round.test("keys_of_another_client_are_not_found", |cloud| async move {
        let (admin, stranger) =
            (make_key(&cloud, "owner", &["keys:admin"]), make_key(&cloud, "stranger", &["keys:admin"]));
        let body = json!({"name": "n", "scopes": ["images:read"]});
        let made = said(call(&cloud, &admin, Method::POST, "", Some(&body)).await, 201).await;
        let path = format!("/{}", text(&made, "id"));
        for (method, path) in [(Method::DELETE, path.clone()), (Method::POST, format!("{path}/rotate"))] {
            let refused = said(call(&cloud, &stranger, method, &path, None).await, 404).await;
            assert_eq!(text(&refused["error"], "code"), "NOT_FOUND");
        }
        for id in ["/nonsense".to_owned(), format!("/{}", Uuid::now_v7())] {
            let refused = said(call(&cloud, &stranger, Method::DELETE, &id, None).await, 404).await;
            assert_eq!(text(&refused["error"], "code"), "NOT_FOUND");
        }
        said(call(&cloud, &stranger, Method::GET, "?clientId=owner", None).await, 403).await;
        let theirs = json!({"clientId": "owner", "name": "n"});
        said(call(&cloud, &stranger, Method::POST, "", Some(&theirs)).await, 403).await;
        assert!(lets_in(&cloud, text(&made, "key")).await, "nothing was done to it");
        let reader = make_key(&cloud, "owner", &["images:read"]);
        said(call(&cloud, &reader, Method::GET, "", None).await, 403).await;
    });

    round.test("operator_manages_all_clients_without_granting_its_own_rights", |cloud| async move {
        let operator = make_key(&cloud, "operator", &["keys:admin", "clients:admin"]);
        let lesser = make_key(&cloud, "operator", &["keys:admin"]);
        let body = json!({"clientId": "managed", "name": "n", "scopes": ["images:read"]});
        let made = said(call(&cloud, &operator, Method::POST, "", Some(&body)).await, 201).await;
        assert_eq!(text(&made, "clientId"), "managed");
        eventually("the operator sees it in the list", async || {
            let listed =
                said(call(&cloud, &operator, Method::GET, "?clientId=managed", None).await, 200).await;
            listed["keys"].as_array().unwrap().iter().any(|key| key["id"] == made["id"]).then_some(())
        })
        .await;
        let path = format!("/{}", text(&made, "id"));
        assert_eq!(call(&cloud, &lesser, Method::DELETE, &path, None).await.status(), 404);
        assert_eq!(call(&cloud, &operator, Method::DELETE, &path, None).await.status(), 204);

        let greater = json!({"name": "n", "scopes": ["clients:admin"]});
        said(call(&cloud, &lesser, Method::POST, "", Some(&greater)).await, 403).await;
        let greater = said(call(&cloud, &operator, Method::POST, "", Some(&greater)).await, 201).await;
        let path = format!("/{}/rotate", text(&greater, "id"));
        said(call(&cloud, &lesser, Method::POST, &path, None).await, 403).await;
    });

    round.test("only_the_operator_raises_a_clients_limits", |cloud| async move {
        let (operator, own) = (
            make_key(&cloud, "operator", &["keys:admin", "clients:admin"]),
            make_key(&cloud, "raised", &["keys:admin"]),
        );
        let body = json!({"clientId": "raised", "name": "n", "scopes": ["images:read", "keys:admin"],
            "limits": {"/images/status/*": 777}});
        said(call(&cloud, &own, Method::POST, "", Some(&body)).await, 403).await;
        let made = said(call(&cloud, &operator, Method::POST, "", Some(&body)).await, 201).await;
        let url = format!("{}/api/v1/images/status/{}", cloud.url, Uuid::new_v4());
        let limit = async |credential: &str| {
            let answer = cloud.http.get(&url).bearer_auth(credential).send().await.unwrap();
            assert_eq!(answer.status(), 404);
            answer.headers()["x-ratelimit-limit"].to_str().unwrap().to_owned()
        };
        assert_eq!(limit(text(&made, "key")).await, "777");
        assert_eq!(limit(&make_key(&cloud, "not-raised", &["images:read"])).await, "120");
        let exchange = cloud.http.post(format!("{}/api/v1/auth/token", cloud.url));
        let exchange = exchange.bearer_auth(text(&made, "key")).json(&json!({"userId": Uuid::new_v4()}));
        let token = said(exchange.send().await.unwrap(), 201).await;
        assert_eq!(limit(text(&token, "token")).await, "777", "its tokens too");
    });

    round.test("command_line_manages_keys", |cloud| async move {
        let json = |text: String| -> Value { serde_json::from_str(&text).unwrap() };
        let client = "typed";
        let words = [
            "create",
            "--client",
            client,
            "--scope",
            "images:read",
            "--limit",
            "/images/status/*=55",
            "--json",
        ];
        let made = json(keys_command(&cloud, &words, &[]).await);
        let url = format!("{}/api/v1/images/status/{}", cloud.url, Uuid::new_v4());
        let answer = cloud.http.get(&url).header("x-api-key", text(&made, "key")).send().await.unwrap();
        assert_eq!(answer.headers()["x-ratelimit-limit"], "55");

        let rotated = json(
            keys_command(&cloud, &["rotate", text(&made, "id"), "--overlap", "600", "--json"], &[]).await,
        );
        assert!(lets_in(&cloud, text(&rotated, "key")).await);
        keys_command(&cloud, &["revoke", text(&rotated, "id")], &[]).await;
        let listed = eventually("both keys are listed", async || {
            let listed = keys_command(&cloud, &["list", "--client", client], &[]).await;
            (listed.lines().count() == 2 && listed.contains("revoked")).then_some(listed)
        })
        .await;
        let line = |id: &str| listed.lines().find(|line| line.starts_with(id)).unwrap().to_owned();
        assert!(line(text(&made, "id")).contains("until "), "{listed}");
        assert!(line(text(&rotated, "id")).contains("revoked "), "{listed}");

        // As on any deployment, with its URL and a key.
        let admin = make_key(&cloud, client, &["keys:admin"]);
        let there = [("SEMANTEST_URL", cloud.url.as_str()), ("SEMANTEST_API_KEY", admin.as_str())];
        let listed = json(keys_command(&cloud, &["list", "--json"], &there).await);
        assert!(!listed["keys"].as_array().unwrap().is_empty());
    });

    round.test("first_key_of_a_deployment_is_made_with_aws_credentials", |cloud| async move {
        let account = [
            ("AWS_ENDPOINT_URL", cloud.url.as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
        ];
        let stack = cloud.output("AccessTable").split_once("-AccessTable-").unwrap().0.to_owned();
        for place in [["--stack", &stack], ["--table", cloud.output("AccessTable")]] {
            let words = [["bootstrap", "--json"], place].concat();
            let made: Value = serde_json::from_str(&keys_command(&cloud, &words, &account).await).unwrap();
            assert_eq!(text(&made, "clientId"), "operator");
            said(call(&cloud, text(&made, "key"), Method::GET, "?clientId=anybody", None).await, 200).await;
        }
    });
}
