//! `Prefer: wait`, `ETag` and estimates of `GET /images/status/{jobId}`.

use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use semantest_tests::cloud::{Cloud, eventually};
use serde_json::{Value, json};

use crate::Round;
use crate::command_line::make_key;

async fn started(cloud: &Cloud, body: Value) -> String {
    cloud.generate(body).await["jobId"].as_str().unwrap().to_owned()
}

async fn wait(cloud: &Cloud, key: &str, job: &str, seconds: u32) -> Response {
    let url = format!("{}/api/v1/images/status/{job}", cloud.url);
    let request = cloud.http.get(url).header("x-api-key", key).header("prefer", format!("wait={seconds}"));
    request.send().await.unwrap()
}

fn applied(answer: &Response) -> Option<&str> {
    answer.headers().get("preference-applied").map(|value| value.to_str().unwrap())
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("prefer_wait_responds_when_the_job_ends", |cloud| async move {
        let job = started(&cloud, json!({"prompt": "a kite [[slow:3]]"})).await;
        let answer = wait(&cloud, &cloud.api_key, &job, 20).await;
        assert_eq!((answer.status().as_u16(), applied(&answer)), (200, Some("wait=20")));
        let state: Value = answer.json().await.unwrap();
        assert_eq!(state["status"], "completed");
    });

    round.test("prefer_wait_responds_after_the_preferred_time", |cloud| async move {
        let job = started(&cloud, json!({"prompt": "a kite [[slow:10]]"})).await;
        let began = Instant::now();
        let answer = wait(&cloud, &cloud.api_key, &job, 2).await;
        assert!(began.elapsed() >= Duration::from_secs(2));
        assert_eq!(applied(&answer), Some("wait=2"));
        let state: Value = answer.json().await.unwrap();
        assert!(["queued", "processing"].contains(&state["status"].as_str().unwrap()), "{state}");
    });

    round.test("fifth_concurrent_wait_of_a_caller_responds_at_once", |cloud| async move {
        let job = started(&cloud, json!({"prompt": "a kite [[slow:12]]"})).await;
        let key = make_key(&cloud, "local", &["images:read"]);
        let held: Vec<_> = (0..4)
            .map(|_| {
                let (cloud, key, job) = (cloud.clone(), key.clone(), job.clone());
                tokio::spawn(async move { applied(&wait(&cloud, &key, &job, 8).await).is_some() })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let fifth = wait(&cloud, &key, &job, 8).await;
        assert_eq!((fifth.status().as_u16(), applied(&fifth)), (200, None));
        let still_held = held.iter().filter(|wait| !wait.is_finished()).count();
        assert_eq!(still_held, 4, "it did not have to wait for one of them");
        for wait in held {
            assert!(wait.await.unwrap());
        }
        let after = wait(&cloud, &key, &job, 1).await;
        assert_eq!(after.status(), 200);
    });

    round.test("prefer_wait_on_an_ended_job_responds_at_once", |cloud| async move {
        let job = started(&cloud, json!({})).await;
        cloud.ended(&job).await;
        let began = Instant::now();
        let answer = wait(&cloud, &cloud.api_key, &job, 20).await;
        assert_eq!((answer.status().as_u16(), applied(&answer)), (200, None));
        assert!(began.elapsed() < Duration::from_secs(15));
    });

    round.test("matching_etag_gets_304_without_a_body", |cloud| async move {
        let job = started(&cloud, json!({})).await;
        cloud.ended(&job).await;
        let path = format!("/images/status/{job}");
        let first = cloud.api(Method::GET, &path).send().await.unwrap();
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(first.headers()["cache-control"], "private, no-cache");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let again = cloud.api(Method::GET, &path).header("if-none-match", &known).send().await.unwrap();
            assert_eq!(again.status(), 304, "{known}");
            assert_eq!(again.headers()["etag"], tag.as_str());
            assert!(again.bytes().await.unwrap().is_empty());
        }
        let changed =
            cloud.api(Method::GET, &path).header("if-none-match", "\"other\"").send().await.unwrap();
        assert_eq!(changed.status(), 200);
    });

    round.test("estimate_is_the_duration_of_the_last_similar_jobs", |cloud| async move {
        // No other test makes jobs of three images.
        let body = json!({"count": 3, "prompt": "a kite [[slow:2]]"});
        let first = cloud.generate(body.clone()).await;
        assert!(first.get("estimatedCompletionTime").is_none(), "nothing is known yet: {first}");
        let ended = cloud.ended(first["jobId"].as_str().unwrap()).await;
        assert!(ended.get("estimatedCompletionTime").is_none(), "{ended}");
        // A function process caches a missing estimate for a minute; another process may have one earlier.
        let estimated = eventually("an estimate is made", async || {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let next = cloud.generate(body.clone()).await;
            next.get("estimatedCompletionTime").is_some().then_some(next)
        })
        .await;
        let seconds = |text: &Value| text.as_str().unwrap()[17..19].parse::<i64>().unwrap();
        let (from, to) = (seconds(&estimated["createdAt"]), seconds(&estimated["estimatedCompletionTime"]));
        let expected = (to - from).rem_euclid(60);
        assert!((2..30).contains(&expected), "{estimated}");
        let state = cloud.status(estimated["jobId"].as_str().unwrap()).await;
        if state["status"] != "completed" {
            assert_eq!(state["estimatedCompletionTime"], estimated["estimatedCompletionTime"]);
        }
    });
}
