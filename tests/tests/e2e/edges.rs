//! Common behavior of all endpoints: CORS, HEAD, methods, security headers, `Idempotency-Key`, health.

use reqwest::{Method, Response};
use semantest_tests::cloud::Cloud;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Round;
use crate::command_line::make_key;

const EXTENSION: &str = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";

async fn preflight(cloud: &Cloud, path: &str, origin: &str) -> Response {
    let url = format!("{}/api/v1{path}", cloud.url);
    let asked = cloud.http.request(Method::OPTIONS, url).header("origin", origin);
    let asked = asked.header("access-control-request-method", "POST");
    asked.header("access-control-request-headers", "content-type,x-api-key").send().await.unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().unwrap())
}

async fn post(cloud: &Cloud, idempotency_key: &str, body: &Value) -> Response {
    let request = cloud.api(Method::POST, "/images/generate").header("idempotency-key", idempotency_key);
    request.json(body).send().await.unwrap()
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("cors_configured_origin_passes_preflight_and_reads_responses", |cloud| async move {
        let answer = preflight(&cloud, "/images/generate", EXTENSION).await;
        assert_eq!(answer.status(), 204);
        assert_eq!(header(&answer, "access-control-allow-origin"), Some(EXTENSION));
        assert_eq!(header(&answer, "access-control-allow-methods"), Some("POST, OPTIONS"));
        let allowed = header(&answer, "access-control-allow-headers").unwrap().to_ascii_lowercase();
        for name in
            ["authorization", "content-type", "idempotency-key", "if-none-match", "prefer", "x-api-key"]
        {
            assert!(allowed.contains(name), "{name}");
        }
        assert!(!answer.headers().contains_key("x-ratelimit-limit"), "asking beforehand costs nothing");

        let job = Uuid::new_v4();
        let asked = cloud.api(Method::GET, &format!("/images/status/{job}")).header("origin", EXTENSION);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(header(&answer, "access-control-allow-origin"), Some(EXTENSION));
        assert_eq!(header(&answer, "vary"), Some("Origin"));
        let exposed = header(&answer, "access-control-expose-headers").unwrap().to_ascii_lowercase();
        for name in [
            "etag",
            "location",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
            "x-trace-id",
            "idempotent-replayed",
        ] {
            assert!(exposed.contains(name), "{name}");
        }
    });

    round.test("cors_other_origin_reads_only_public_responses", |cloud| async move {
        for origin in ["https://evil.example", "null", "http://localhost.evil.example:80"] {
            let answer = preflight(&cloud, "/images/generate", origin).await;
            assert_eq!(answer.status(), 204);
            assert_eq!(header(&answer, "access-control-allow-origin"), None, "{origin}");
            let answer =
                cloud.api(Method::GET, "/images/jobs").header("origin", origin).send().await.unwrap();
            assert_eq!(header(&answer, "access-control-allow-origin"), None, "{origin}");
            assert_eq!(header(&answer, "vary"), Some("Origin"));
            let url = format!("{}/api/v1/health", cloud.url);
            let answer = cloud.http.get(url).header("origin", origin).send().await.unwrap();
            assert_eq!(
                header(&answer, "access-control-allow-origin"),
                Some(origin),
                "what is public is public"
            );
        }
    });

    round.test("every_response_has_the_security_headers", |cloud| async move {
        for (method, path) in
            [(Method::GET, "/health"), (Method::GET, "/nothing"), (Method::POST, "/images/generate")]
        {
            let answer = cloud.api(method, path).send().await.unwrap();
            assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"), "{path}");
            assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"), "{path}");
            assert!(header(&answer, "strict-transport-security").is_some(), "{path}");
            assert!(
                header(&answer, "content-security-policy").unwrap().contains("default-src 'none'"),
                "{path}"
            );
            assert_eq!(header(&answer, "cache-control"), Some("no-store"), "{path}");
            assert!(header(&answer, "x-trace-id").unwrap().parse::<Uuid>().is_ok(), "{path}");
        }
    });

    round.test("head_returns_the_headers_of_get_without_a_body", |cloud| async move {
        let job = cloud.generate(json!({})).await["jobId"].as_str().unwrap().to_owned();
        cloud.ended(&job).await;
        let path = format!("/images/status/{job}");
        let get = cloud.api(Method::GET, &path).send().await.unwrap();
        let head = cloud.api(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(header(&head, "etag"), header(&get, "etag"));
        assert!(head.bytes().await.unwrap().is_empty());
    });

    round.test("same_idempotency_key_makes_one_job_and_replays_the_response", |cloud| async move {
        let key = Uuid::new_v4().to_string();
        let body = json!({"userId": Uuid::new_v4(), "prompt": "a kite", "size": "256x256"});
        let first = post(&cloud, &key, &body).await;
        assert_eq!((first.status().as_u16(), header(&first, "idempotent-replayed")), (202, None));
        let location = header(&first, "location").unwrap().to_owned();
        let text = first.text().await.unwrap();
        let job: Value = serde_json::from_str(&text).unwrap();
        cloud.ended(job["jobId"].as_str().unwrap()).await;

        let again = post(&cloud, &key, &body).await;
        assert_eq!((again.status().as_u16(), header(&again, "idempotent-replayed")), (202, Some("true")));
        assert_eq!(header(&again, "location"), Some(location.as_str()));
        assert!(again.headers().contains_key("x-ratelimit-remaining"), "it counts like any other");
        assert_eq!(again.text().await.unwrap(), text, "as it was, not as the job is now");

        let mut other = body.clone();
        other["prompt"] = json!("two kites");
        let refused = post(&cloud, &key, &other).await;
        assert_eq!(refused.status(), 422);
        let error: Value = refused.json().await.unwrap();
        assert_eq!(error["error"]["code"], "IDEMPOTENCY_CONFLICT");

        let neighbour = make_key(&cloud, "local", &["images:write"]);
        let request = cloud.http.post(format!("{}/api/v1/images/generate", cloud.url));
        let request = request.bearer_auth(neighbour).header("idempotency-key", &key);
        let own: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
        assert_ne!(own["jobId"], job["jobId"], "the key is its caller's own");
    });

    round.test("concurrent_same_idempotency_key_gets_409_or_the_response", |cloud| async move {
        for _ in 0..5 {
            let key = Uuid::new_v4().to_string();
            let body = json!({"userId": Uuid::new_v4(), "prompt": "a kite", "size": "256x256"});
            let answers = futures_util::future::join_all((0..8).map(|_| post(&cloud, &key, &body))).await;
            let mut jobs = std::collections::BTreeSet::new();
            for answer in answers {
                let (status, retry) =
                    (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
                let said: Value = answer.json().await.unwrap();
                match status {
                    202 => drop(jobs.insert(said["jobId"].to_string())),
                    _ => {
                        assert_eq!((status, retry), (409, true), "{said}");
                        assert_eq!(said["error"]["code"], "IDEMPOTENCY_CONFLICT");
                    }
                }
            }
            assert_eq!(jobs.len(), 1, "one job, whoever asked");
        }
    });

    round.test("idempotency_key_of_a_crashed_request_finds_its_job_again", |cloud| async move {
        use aws_sdk_dynamodb::types::AttributeValue;
        let key = Uuid::new_v4().to_string();
        let body = json!({"userId": Uuid::new_v4(), "prompt": "a kite", "size": "256x256"});
        let first: Value = post(&cloud, &key, &body).await.json().await.unwrap();
        // As if the first request had crashed after it saved the job and before it stored its response.
        let mut rows =
            cloud.dynamodb.scan().table_name(cloud.output("JobsTable")).into_paginator().items().send();
        let mut found = None;
        while let Some(row) = rows.next().await {
            let row = row.unwrap();
            if row["sk"].as_s().unwrap() == "IDEMPOTENCY" && *row["seed"].as_s().unwrap() == first["jobId"] {
                found = Some((row["pk"].clone(), row["sk"].clone()));
            }
        }
        let (pk, sk) = found.expect("the key's row");
        let update = cloud.dynamodb.update_item().table_name(cloud.output("JobsTable"));
        update
            .key("pk", pk)
            .key("sk", sk)
            .update_expression("SET claimedUntil = :past REMOVE answer")
            .expression_attribute_values(":past", AttributeValue::N("1".into()))
            .send()
            .await
            .unwrap();
        let again = post(&cloud, &key, &body).await;
        assert_eq!(again.status(), 202);
        let again: Value = again.json().await.unwrap();
        assert_eq!(again["jobId"], first["jobId"]);
    });

    round.test("invalid_idempotency_key_is_a_validation_error", |cloud| async move {
        for bad in ["a b", &"x".repeat(256), ""] {
            let answer = post(&cloud, bad, &json!({"userId": "x", "prompt": "p"})).await;
            assert_eq!(answer.status(), 400, "{bad:?}");
            let error: Value = answer.json().await.unwrap();
            let paths: Vec<_> =
                error["error"]["details"].as_array().unwrap().iter().map(|fault| &fault["path"]).collect();
            assert_eq!(paths, ["userId", "Idempotency-Key"]);
        }
    });

    round.test("health_checks_every_part_and_exposes_no_internals", |cloud| async move {
        let job = cloud.generate(json!({})).await["jobId"].as_str().unwrap().to_owned();
        cloud.ended(&job).await;
        let get = || async { cloud.http.get(format!("{}/api/v1/health", cloud.url)).send().await.unwrap() };
        let health = semantest_tests::cloud::eventually("health has seen the provider", async || {
            let answer = get().await;
            assert_eq!(answer.status(), 200);
            let health: Value = answer.json().await.unwrap();
            health["services"]["imageProviders"]["sandbox"].is_object().then_some(health)
        })
        .await;
        assert!(["healthy", "degraded"].contains(&health["status"].as_str().unwrap()), "{health}");
        assert!(health["version"].is_string() && health["timestamp"].as_str().unwrap().ends_with('Z'));
        for part in ["database", "queue", "storage"] {
            assert!(
                ["up", "degraded"].contains(&health["services"][part]["status"].as_str().unwrap()),
                "{health}"
            );
            assert!(health["services"][part]["latency"].is_u64(), "{health}");
        }
        for secret in ["arn:", "sk_", cloud.output("JobsTable"), cloud.output("ImagesBucket"), "000000000000"]
        {
            assert!(!health.to_string().contains(secret), "{health}");
        }
        for _ in 0..20 {
            get().await;
        }
        let queries: Vec<_> = cloud.calls_of("health", 0);
        let asked = queries.iter().filter(|call| *call == "dynamodb:Query").count();
        let told = cloud.log("health").iter().filter(|line| line.contains("\"answered\"")).count();
        assert!(asked * 4 <= told, "{asked} questions for {told} answers");
    });
}
