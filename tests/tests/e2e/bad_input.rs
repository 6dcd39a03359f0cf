//! Invalid input: the errors, and that it costs nothing.

use reqwest::Method;
use semantest_tests::cloud::Cloud;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Round;

async fn post(cloud: &Cloud, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let answer = cloud.api(Method::POST, "/images/generate").body(body).send().await.unwrap();
    let (status, trace) =
        (answer.status().as_u16(), answer.headers()["x-trace-id"].to_str().unwrap().to_owned());
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["traceId"], trace);
    assert!(trace.parse::<Uuid>().is_ok());
    assert!(body["error"]["timestamp"].as_str().unwrap().ends_with('Z'));
    assert!(body["error"]["message"].is_string());
    (status, body["error"].clone())
}

fn paths(error: &Value) -> Vec<&str> {
    error["details"].as_array().unwrap().iter().map(|fault| fault["path"].as_str().unwrap()).collect()
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("invalid_input_reports_every_field_error_and_costs_nothing", |cloud| async move {
        let seen = cloud.calls_so_far();
        let user = Uuid::new_v4();
        let with = |more: Value| {
            let mut whole = json!({"userId": user, "prompt": "a kite"});
            whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            whole.to_string()
        };
        let cases: Vec<(String, Vec<&str>)> = vec![
            ("not json".into(), vec![""]),
            (String::new(), vec![""]),
            ("[]".into(), vec![""]),
            ("{\"prompt\": \"a\"".into(), vec![""]),
            ("{}".into(), vec!["userId", "prompt"]),
            (json!({"userId": 1, "prompt": [], "count": "1"}).to_string(), vec!["userId", "prompt", "count"]),
            (with(json!({"count": 5})), vec!["count"]),
            (with(json!({"count": 0})), vec!["count"]),
            (with(json!({"prompt": "x".repeat(4001)})), vec!["prompt"]),
            (with(json!({"prompt": "   "})), vec!["prompt"]),
            (with(json!({"userId": "me"})), vec!["userId"]),
            (with(json!({"metadata": {"a": "x".repeat(4096)}})), vec!["metadata"]),
            (with(json!({"webhookUrl": "http://example.com"})), vec!["webhookUrl"]),
            (
                with(json!({"provider": "a", "size": "b", "quality": "c", "style": "d", "priority": "e",
                    "webhookEvents": ["job.completed", "f"]})),
                vec!["provider", "size", "quality", "style", "priority", "webhookEvents[1]"],
            ),
        ];
        for (body, expected) in cases {
            let (status, error) = post(&cloud, body.clone()).await;
            assert_eq!((status, error["code"].as_str()), (400, Some("VALIDATION_ERROR")), "{body}");
            assert_eq!(paths(&error), expected, "{body}");
        }
        let (status, error) = post(&cloud, with(json!({"padding": "x".repeat(300 * 1024)}))).await;
        assert_eq!((status, error["code"].as_str()), (413, Some("PAYLOAD_TOO_LARGE")));

        let calls = cloud.calls_of("images-generate", seen);
        let cheap = ["dynamodb:GetItem", "dynamodb:UpdateItem"];
        assert!(calls.iter().all(|call| cheap.contains(&call.as_str())), "key and limit only: {calls:?}");
    });

    round.test("body_just_within_the_limits_is_accepted", |cloud| async move {
        let body = json!({"userId": Uuid::new_v4(), "prompt": "ü".repeat(4000), "size": "256x256", "count": 4,
            "padding": "x".repeat(200 * 1024), "metadata": {"a": "x".repeat(4096 - 8)}});
        let answer = cloud.api(Method::POST, "/images/generate").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let job: Value = answer.json().await.unwrap();
        let state = cloud.ended(job["jobId"].as_str().unwrap()).await;
        assert_eq!(state["metadata"], body["metadata"]);
    });

    round.test("request_without_a_valid_key_is_unauthorized", |cloud| async move {
        let body = json!({"userId": Uuid::new_v4(), "prompt": "a kite"});
        let mut wrong = cloud.api_key.clone();
        let last = if wrong.pop() == Some('A') { 'B' } else { 'A' };
        wrong.push(last);
        let url = format!("{}/api/v1/images/generate", cloud.url);
        let post = || cloud.http.post(&url).json(&body);
        let many = "sk_".repeat(1000);
        for (what, request) in [
            ("none", post()),
            ("wrong", post().header("x-api-key", &wrong)),
            ("malformed", post().header("x-api-key", "sk_x")),
            ("long", post().header("x-api-key", many)),
            ("basic", post().basic_auth("a", Some("b"))),
            ("unknown", post().bearer_auth(format!("sk_{}{}", "0".repeat(32), "a".repeat(43)))),
        ] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{what}");
            let error: Value = answer.json().await.unwrap();
            assert_eq!(error["error"]["code"], "UNAUTHORIZED", "{what}");
        }
        let reader = crate::command_line::make_key(&cloud, "local", &["images:read"]);
        let answer = post().bearer_auth(&reader).send().await.unwrap();
        assert_eq!(answer.status(), 403);
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["code"], "FORBIDDEN");
    });

    round.test("unknown_paths_and_methods_get_the_common_error_body", |cloud| async move {
        for (method, path, status, code) in [
            (Method::GET, "/nothing/here", 404, "NOT_FOUND"),
            (Method::POST, "/images/status", 404, "NOT_FOUND"),
            (Method::GET, "/images/status/x", 404, "JOB_NOT_FOUND"),
            (Method::GET, "/images/status/0190b8a0-0000-7000-8000-000000000001", 404, "JOB_NOT_FOUND"),
            (Method::GET, "/images/generate", 405, "METHOD_NOT_ALLOWED"),
            (Method::DELETE, "/health", 405, "METHOD_NOT_ALLOWED"),
        ] {
            let answer = cloud.api(method.clone(), path).send().await.unwrap();
            assert_eq!(answer.status(), status, "{method} {path}");
            assert_eq!(answer.headers().contains_key("allow"), status == 405, "{method} {path}");
            let error: Value = answer.json().await.unwrap();
            assert_eq!(error["error"]["code"], code, "{method} {path}");
        }
        let root = cloud.http.get(format!("{}/api/v1", cloud.url)).send().await.unwrap();
        assert_eq!(root.status(), 404);
        let head = cloud.api(Method::HEAD, "/health").send().await.unwrap();
        assert_eq!((head.status().as_u16(), head.bytes().await.unwrap().len()), (200, 0));
        let health: Value = cloud
            .http
            .get(format!("{}/api/v1/health", cloud.url))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(health["status"], "healthy");
    });

    round.test("warm_image_request_makes_few_aws_calls", |cloud| async move {
        let body = json!({"userId": Uuid::new_v4(), "prompt": "a kite", "size": "256x256"});
        let generate = || async {
            let answer = cloud.api(Method::POST, "/images/generate").json(&body).send().await.unwrap();
            answer.json::<Value>().await.unwrap()["jobId"].as_str().unwrap().to_owned()
        };
        let id = generate().await;
        cloud.ended(&id).await;
        let seen = cloud.calls_so_far();
        let id = generate().await;
        let calls = cloud.calls_of("images-generate", seen);
        assert_eq!(calls, ["dynamodb:UpdateItem", "dynamodb:PutItem", "sqs:SendMessage"]);
        cloud.ended(&id).await;
        let seen = cloud.calls_so_far();
        cloud.status(&id).await;
        assert_eq!(cloud.calls_of("images-status", seen), ["dynamodb:UpdateItem", "dynamodb:GetItem"]);
    });
}
