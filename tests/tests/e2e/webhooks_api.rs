//! Webhook attempts, redelivery, and signing secrets, through the API and the command line.

use std::process::Output;
use std::sync::Arc;

use domain::Timestamp;
use domain::jobs::{WebhookUrl, WebhookUrlPolicy};
use domain::webhooks::WebhookEndpoint as Row;
use reqwest::{Method, StatusCode};
use semantest_tests::cloud::{Cloud, eventually, semantest_command};
use semantest_tests::receiver::Receiver;
use semantest_tests::verifier::accepted;
use serde_json::{Value, json};
use uuid::Uuid;
use wiremock::ResponseTemplate;

use crate::Round;
use crate::command_line::make_key;
use crate::tenant::{Tenant, code, read};

/// Sends a request to the API with this key, and returns the response body.
async fn call(cloud: &Cloud, key: &str, method: Method, path: &str, body: Value, status: u16) -> Value {
    let request = cloud.http.request(method, format!("{}/api/v1{path}", cloud.url)).header("x-api-key", key);
    let answer = request.body(body.to_string()).send().await.unwrap();
    let got = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(got, StatusCode::from_u16(status).unwrap(), "{path}: {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// Makes a job of this client with this webhook URL.
async fn job(tenant: &Tenant, receiver: &Receiver) -> String {
    tenant.generate(json!({"webhookUrl": receiver.url()})).await
}

async fn attempts(cloud: &Cloud, key: &str, job: &str) -> Vec<Value> {
    let path = format!("/images/status/{job}/webhooks");
    let listed = call(cloud, key, Method::GET, &path, json!(null), 200).await;
    listed["attempts"].as_array().unwrap().clone()
}

/// Waits until the job's only webhook meets the condition, and returns its attempts.
async fn settled(cloud: &Cloud, key: &str, job: &str, state: &str) -> Vec<Value> {
    eventually(&format!("the webhook is {state}"), async || {
        let all = attempts(cloud, key, job).await;
        all.last().is_some_and(|last| last["state"] == state).then_some(all)
    })
    .await
}

/// Runs `semantest webhooks …` on the tests' cloud and returns its output.
pub(crate) async fn webhooks(cloud: &Arc<Cloud>, words: &[&str], environment: &[(&str, &str)]) -> String {
    let output = output(cloud, words, environment).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn output(cloud: &Arc<Cloud>, words: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = semantest_command(&cloud.data);
    command.arg("webhooks").args(words).envs(environment.iter().copied());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("webhook_attempts_are_listed_with_the_endpoints_responses", |cloud| async move {
        let out_of_order =
            ResponseTemplate::new(500).set_body_string(format!("out of order {}", "x".repeat(2000)));
        let receiver = Receiver::answering(vec![out_of_order]).await;
        let tenant = Tenant::new(&cloud);
        let id = job(&tenant, &receiver).await;
        let failed = settled(&cloud, &tenant.key, &id, "pending").await;
        assert_eq!(
            (failed[0]["event"].as_str(), failed[0]["webhookId"].is_string()),
            (Some("job.completed"), true)
        );

        let all = settled(&cloud, &tenant.key, &id, "delivered").await;
        let [first, second] = &all[..] else { panic!("{all:?}") };
        assert_eq!((&first["attempt"], &first["status"]), (&json!(1), &json!(500)));
        let answer = first["answer"].as_str().unwrap();
        assert!(answer.starts_with("out of order") && answer.len() == 1024, "{}", answer.len());
        assert_eq!((&second["attempt"], &second["status"]), (&json!(2), &json!(204)));
        assert_eq!(second["webhookId"], first["webhookId"]);
        assert!(first["duration"].is_u64() && second.get("nextAttemptAt").is_none());
        let line = webhooks(&cloud, &["list", &id], &own(&cloud, &tenant)).await;
        assert!(line.lines().count() == 2 && line.contains("answered with 500"), "{line}");
    });

    round.test("redelivered_webhook_has_the_same_id", |cloud| async move {
        let receiver = Receiver::start().await;
        let tenant = Tenant::new(&cloud);
        let id = job(&tenant, &receiver).await;
        let done = settled(&cloud, &tenant.key, &id, "delivered").await;
        let webhook = done[0]["webhookId"].as_str().unwrap();
        let path = format!("/images/status/{id}/webhooks/{webhook}/redeliver");
        let answer = call(&cloud, &tenant.key, Method::POST, &path, json!(null), 202).await;
        assert_eq!(answer, json!({"webhookId": webhook}));
        let arrived = receiver.wait_for("job.completed", 2).await;
        assert_eq!((&arrived[0].id, &arrived[0].bytes), (&arrived[1].id, &arrived[1].bytes));
        eventually("both attempts are listed", async || {
            let all = attempts(&cloud, &tenant.key, &id).await;
            (all.len() == 2 && all[1]["status"] == 204).then_some(())
        })
        .await;

        webhooks(&cloud, &["redeliver", &id, webhook], &own(&cloud, &tenant)).await;
        receiver.wait_for("job.completed", 3).await;
        let unknown = format!("/images/status/{id}/webhooks/{}/redeliver", Uuid::now_v7());
        let refused = call(&cloud, &tenant.key, Method::POST, &unknown, json!(null), 404).await;
        assert_eq!(refused["error"]["code"], "NOT_FOUND");
    });

    round.test("redeliver_by_time_range_sends_each_webhook_again", |cloud| async move {
        let receiver = Receiver::start().await;
        let tenant = Tenant::new(&cloud);
        let since = Timestamp::now();
        for _ in 0..3 {
            let id = job(&tenant, &receiver).await;
            settled(&cloud, &tenant.key, &id, "delivered").await;
        }
        let until = Timestamp::now();
        let range = |status: Option<&str>| json!({"since": since.to_string(), "until": until.to_string(), "status": status});
        let ask = |body| call(&cloud, &tenant.key, Method::POST, "/webhooks/redeliver", body, 202);
        assert_eq!(ask(range(Some("failed"))).await, json!({"count": 0}));
        assert_eq!(ask(range(None)).await, json!({"count": 3}));
        receiver.wait_for("job.completed", 6).await;
        let words = ["redeliver", "--since", &since.to_string(), "--until", &until.to_string()];
        webhooks(&cloud, &words, &own(&cloud, &tenant)).await;
        let arrived = receiver.wait_for("job.completed", 9).await;
        let ids: std::collections::BTreeSet<_> = arrived.into_iter().map(|one| one.id).collect();
        assert_eq!(ids.len(), 3);
    });

    round.test("webhooks_are_hidden_from_other_clients_and_tokens", |cloud| async move {
        let receiver = Receiver::start().await;
        let (tenant, stranger) = (Tenant::new(&cloud), Tenant::new(&cloud));
        let since = Timestamp::now();
        let id = job(&tenant, &receiver).await;
        let done = settled(&cloud, &tenant.key, &id, "delivered").await;
        let webhook = done[0]["webhookId"].as_str().unwrap();
        let list = format!("/images/status/{id}/webhooks");
        let redeliver = format!("{list}/{webhook}/redeliver");
        for (method, path) in [(Method::GET, &list), (Method::POST, &redeliver)] {
            let refused = call(&cloud, &stranger.key, method, path, json!(null), 404).await;
            assert_eq!(refused["error"]["code"], "JOB_NOT_FOUND");
        }
        let range = json!({"since": since.to_string(), "until": (Timestamp::now()).to_string()});
        let none = call(&cloud, &stranger.key, Method::POST, "/webhooks/redeliver", range.clone(), 202).await;
        assert_eq!(none, json!({"count": 0}));
        let lacking = make_key(&cloud, "acme", &["chat"]);
        for (method, path) in [
            (Method::GET, list.as_str()),
            (Method::POST, &redeliver),
            (Method::POST, "/webhooks/redeliver"),
            (Method::POST, "/webhooks/enable"),
            (Method::GET, "/webhooks/disabled"),
            (Method::GET, "/admin/webhook-secret"),
            (Method::POST, "/admin/webhook-secret/rotate"),
        ] {
            call(&cloud, &lacking, method.clone(), path, json!(null), 403).await;
            call(&cloud, "sk_nobody", method, path, json!(null), 401).await;
        }

        // A token acts for one user, so it has no access to what concerns all users.
        let user = tenant.user(Uuid::new_v4()).await;
        for (method, path, body) in [
            (Method::POST, "/webhooks/redeliver", range),
            (Method::POST, "/webhooks/enable", json!({"url": receiver.url()})),
            (Method::GET, "/webhooks/disabled", json!(null)),
        ] {
            let refused = read(user.call(method, path).json(&body).send().await.unwrap()).await;
            assert_eq!(code(&refused), (403, "FORBIDDEN"), "{path}");
        }
        receiver.settled("job.completed").await;
        assert_eq!(receiver.arrived().len(), 1);
    });

    round.test("disabled_webhook_endpoint_is_listed_and_enabled_by_client", |cloud| async move {
        let receiver = Receiver::start().await;
        let (tenant, stranger) = (Tenant::new(&cloud), Tenant::new(&cloud));
        let url = receiver.url();
        // As if every attempt of five days had failed: no test waits so long.
        let parsed = WebhookUrl::parse(&url, WebhookUrlPolicy::AllowLoopbackHttp).unwrap();
        let mut row = Row::new(tenant.client.parse().unwrap(), parsed, Timestamp::now());
        let five_days = std::time::Duration::from_secs(5 * 24 * 3600);
        row.record_failure(Timestamp::now() - five_days, domain::webhooks::TimeScale::REAL);
        row.record_failure(Timestamp::now(), domain::webhooks::TimeScale::REAL);
        domain::webhooks::WebhookEndpointStore::save_endpoint(&cloud.jobs(), &mut row).await.unwrap();

        let id = job(&tenant, &receiver).await;
        let kept = settled(&cloud, &tenant.key, &id, "pending").await;
        assert_eq!(kept[0]["attempt"], 0);
        let disabled = |key: String| call_owned(Arc::clone(&cloud), key);
        let listed = eventually("the list has it", async || {
            let listed = disabled(tenant.key.clone()).await;
            (listed["urls"] != json!([])).then_some(listed)
        })
        .await;
        assert_eq!(listed["urls"][0]["url"], url);
        assert!(listed["urls"][0]["offSince"].is_string() && listed["urls"][0]["nextAttemptAt"].is_string());
        assert_eq!(disabled(stranger.key.clone()).await, json!({"urls": []}));
        let shown = webhooks(&cloud, &["disabled"], &own(&cloud, &tenant)).await;
        assert!(shown.starts_with(&url), "{shown}");
        assert!(receiver.arrived().is_empty());

        webhooks(&cloud, &["enable", &url], &own(&cloud, &tenant)).await;
        eventually("what was kept is sent", async || {
            cloud.sweep().await;
            (!receiver.of("job.completed").is_empty()).then_some(())
        })
        .await;
        assert_eq!(settled(&cloud, &tenant.key, &id, "delivered").await.len(), 1);
        eventually("the list has it no more", async || {
            (disabled(tenant.key.clone()).await["urls"] == json!([])).then_some(())
        })
        .await;
        call(
            &cloud,
            &tenant.key,
            Method::POST,
            "/webhooks/enable",
            json!({"url": "http://example.com/"}),
            400,
        )
        .await;
    });

    round.test("rotated_webhook_secret_signs_with_the_old_one_in_the_overlap", |cloud| async move {
        let receiver = Receiver::start().await;
        let tenant = Tenant::new(&cloud);
        let admin = make_key(&cloud, &tenant.client, &["keys:admin"]);
        let show = || call_secret(Arc::clone(&cloud), admin.clone());
        let first = show().await;
        assert_eq!(first["clientId"], tenant.client);
        let first = first["secret"].as_str().unwrap().to_owned();
        assert_ne!(first, cloud.webhook_secret, "another client's");
        job(&tenant, &receiver).await;
        let arrived = receiver.wait_for("job.completed", 1).await;
        assert!(accepted(&first, &arrived[0]) && !accepted(&cloud.webhook_secret, &arrived[0]));

        let body = json!({"overlapSeconds": 3600});
        let rotated = call(&cloud, &admin, Method::POST, "/admin/webhook-secret/rotate", body, 201).await;
        let second = rotated["secret"].as_str().unwrap().to_owned();
        assert!(second != first && rotated["previousUntil"].is_string());
        assert_eq!(show().await["secret"], second);
        job(&tenant, &receiver).await;
        let arrived = receiver.wait_for("job.completed", 2).await;
        assert_eq!(arrived[1].signature.split(' ').count(), 2);
        assert!(accepted(&first, &arrived[1]) && accepted(&second, &arrived[1]));

        let environment = [("SEMANTEST_URL", cloud.url.as_str()), ("SEMANTEST_API_KEY", &admin)];
        assert_eq!(webhooks(&cloud, &["secret", "show"], &environment).await.trim(), second);
        let bad = json!({"overlapSeconds": -1});
        call(&cloud, &admin, Method::POST, "/admin/webhook-secret/rotate", bad, 400).await;
    });

    round.test("rotation_without_overlap_ends_the_old_secret_at_once", |cloud| async move {
        let receiver = Receiver::start().await;
        let tenant = Tenant::new(&cloud);
        let admin = make_key(&cloud, &tenant.client, &["keys:admin"]);
        let first =
            call_secret(Arc::clone(&cloud), admin.clone()).await["secret"].as_str().unwrap().to_owned();
        let environment = [("SEMANTEST_URL", cloud.url.as_str()), ("SEMANTEST_API_KEY", &admin)];
        let second = webhooks(&cloud, &["secret", "rotate", "--overlap", "0"], &environment).await;
        job(&tenant, &receiver).await;
        let arrived = receiver.wait_for("job.completed", 1).await;
        assert!(accepted(second.trim(), &arrived[0]) && !accepted(&first, &arrived[0]));
    });

    round.test("webhook_commands_without_effect_fail_with_a_reason", |cloud| async move {
        let receiver = Receiver::start().await;
        let tenant = Tenant::new(&cloud);
        let id = job(&tenant, &receiver).await;
        let unknown = Uuid::now_v7().to_string();
        let since = "2026-10-01T12:00:00Z";
        let cases: [(&[&str], &str); 6] = [
            (&["list", &unknown], "JOB_NOT_FOUND"),
            (&["redeliver", &unknown, &unknown], "JOB_NOT_FOUND"),
            (&["redeliver", &id, &unknown], "NOT_FOUND"),
            (&["redeliver", "--since", since, "--status", "lost"], "status"),
            (&["enable", "http://example.com/"], "url"),
            (&["enable", "nonsense"], "url"),
        ];
        for (words, why) in cases {
            let output = output(&cloud, words, &own(&cloud, &tenant)).await;
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && output.stdout.is_empty(), "{words:?}: {said}");
            assert!(said.contains(why), "{words:?}: {said}");
        }
        receiver.settled("job.completed").await;
        assert_eq!(receiver.arrived().len(), 1, "nothing was sent again");
    });

    round.test("local_webhook_secret_is_shown_without_an_api_key", |cloud| async move {
        assert_eq!(webhooks(&cloud, &["secret", "show"], &[]).await.trim(), cloud.webhook_secret);
    });
}

/// The environment with which a command acts for this client.
fn own<'a>(cloud: &'a Cloud, tenant: &'a Tenant) -> [(&'static str, &'a str); 3] {
    [
        ("SEMANTEST_URL", cloud.url.as_str()),
        ("SEMANTEST_API_KEY", &tenant.key),
        ("XDG_CONFIG_HOME", cloud.data.to_str().unwrap()),
    ]
}

async fn call_owned(cloud: Arc<Cloud>, key: String) -> Value {
    call(&cloud, &key, Method::GET, "/webhooks/disabled", json!(null), 200).await
}

async fn call_secret(cloud: Arc<Cloud>, key: String) -> Value {
    call(&cloud, &key, Method::GET, "/admin/webhook-secret", json!(null), 200).await
}
