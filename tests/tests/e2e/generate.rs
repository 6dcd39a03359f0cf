//! An image job from end to end: API, row, queue, worker, bucket, row, API.

use std::time::Duration;

use domain::jobs::{
    GenerateRequest, JobPolicy, JobStore as _, WebhookEvent, WebhookTarget, WebhookUrl, WebhookUrlPolicy,
};
use domain::primitives::{Lease, LeaseId, sha256_hex};
use domain::{Job, Timestamp, TraceId};
use reqwest::Method;
use semantest_tests::cloud::eventually;
use semantest_tests::receiver::Receiver;
use serde_json::json;
use uuid::Uuid;

use crate::Round;

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("job_completes_with_an_image_at_a_public_url", |cloud| async move {
        let metadata = json!({"order": 17, "nested": {"a": [1.5, null, "ü"]}});
        let body = json!({"userId": Uuid::new_v4(), "prompt": "a lighthouse at dusk", "size": "1024x576",
            "count": 2, "metadata": metadata});
        let answer = cloud.api(Method::POST, "/images/generate").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        assert!(answer.headers().contains_key("x-trace-id"));
        let accepted: serde_json::Value = answer.json().await.unwrap();
        let id = accepted["jobId"].as_str().unwrap();
        assert_eq!(location, format!("/api/v1/images/status/{id}"));
        assert_eq!(accepted["statusUrl"], location);
        assert_eq!(accepted["cancelUrl"], format!("/api/v1/images/cancel/{id}"));
        assert_eq!(
            (accepted["status"].as_str(), accepted["priority"].as_str()),
            (Some("queued"), Some("normal"))
        );

        let state = cloud.ended(id).await;
        assert_eq!(
            (state["status"].as_str(), state["progress"].as_u64()),
            (Some("completed"), Some(100)),
            "{state}"
        );
        assert_eq!((state["provider"].as_str(), state["attempts"].as_u64()), (Some("sandbox"), Some(1)));
        assert_eq!(state["metadata"], metadata);
        for time in ["createdAt", "startedAt", "completedAt"] {
            assert!(state[time].as_str().unwrap().ends_with('Z'), "{time}");
        }
        let result = &state["result"];
        assert_eq!(result["totalCost"], 0.0);
        assert!(result["processingTime"].is_u64());
        let images = result["images"].as_array().unwrap();
        assert_eq!(images.len(), 2);
        assert_ne!(images[0]["hash"], images[1]["hash"]);
        for image in images {
            assert_eq!((image["size"].as_str(), image["format"].as_str()), (Some("1024x576"), Some("png")));
            assert_eq!((image["width"].as_u64(), image["height"].as_u64()), (Some(1024), Some(576)));
            assert_eq!(image["metadata"]["model"], "sandbox-1");
            assert!(image["id"].as_str().unwrap().parse::<Uuid>().is_ok());
            assert!(image["expiresAt"].as_str().unwrap() > state["completedAt"].as_str().unwrap());

            let fetched = cloud.http.get(image["url"].as_str().unwrap()).send().await.unwrap();
            assert_eq!(fetched.status(), 200);
            assert_eq!(fetched.headers()["content-type"], "image/png");
            assert!(fetched.headers()["cache-control"].to_str().unwrap().contains("immutable"));
            let bytes = fetched.bytes().await.unwrap();
            assert_eq!(image["hash"], sha256_hex(&bytes));
            assert_eq!(image["sizeBytes"], bytes.len());
            let picture = image::load_from_memory(&bytes).unwrap();
            assert_eq!((picture.width(), picture.height()), (1024, 576));

            let small = cloud.http.get(image["thumbnailUrl"].as_str().unwrap()).send().await.unwrap();
            assert!(small.headers()["cache-control"].to_str().unwrap().contains("immutable"));
            let small = image::load_from_memory(&small.bytes().await.unwrap()).unwrap();
            assert_eq!((small.width(), small.height()), (256, 144));
        }
    });

    round.test("every_size_is_made_as_requested", |cloud| async move {
        for (size, width, height) in [
            ("256x256", 256, 256),
            ("512x512", 512, 512),
            ("1024x1024", 1024, 1024),
            ("1792x1024", 1792, 1024),
            ("1024x1792", 1024, 1792),
            ("1024x576", 1024, 576),
            ("576x1024", 576, 1024),
        ] {
            let job = cloud.generate(json!({"size": size, "priority": "high"})).await;
            let state = cloud.ended(job["jobId"].as_str().unwrap()).await;
            let url = state["result"]["images"][0]["url"].as_str().unwrap_or_else(|| panic!("{state}"));
            let bytes = cloud.http.get(url).send().await.unwrap().bytes().await.unwrap();
            let picture = image::load_from_memory(&bytes).unwrap();
            assert_eq!((picture.width(), picture.height()), (width, height), "{size}");
        }
    });

    round.test("jobs_of_every_priority_complete", |cloud| async move {
        for priority in ["low", "normal", "high"] {
            let job = cloud.generate(json!({"priority": priority})).await;
            assert_eq!(job["priority"], priority);
            assert_eq!(cloud.ended(job["jobId"].as_str().unwrap()).await["status"], "completed");
        }
    });

    round.test("transient_provider_error_is_retried", |cloud| async move {
        let job = cloud.generate(json!({"prompt": "[[fail:1]] a kite"})).await;
        let state = cloud.ended(job["jobId"].as_str().unwrap()).await;
        assert_eq!(
            (state["status"].as_str(), state["attempts"].as_u64()),
            (Some("completed"), Some(2)),
            "{state}"
        );
    });

    round.test("permanent_provider_error_fails_the_job_with_a_reason", |cloud| async move {
        let job = cloud.generate(json!({"prompt": "[[fail:forever]] a kite"})).await;
        let state = cloud.ended(job["jobId"].as_str().unwrap()).await;
        assert_eq!(
            (state["status"].as_str(), state["attempts"].as_u64()),
            (Some("failed"), Some(3)),
            "{state}"
        );
        let error = &state["error"];
        assert_eq!(
            (error["code"].as_str(), error["retryable"].as_bool()),
            (Some("GENERATION_FAILED"), Some(true))
        );
        assert_eq!(error["details"]["reason"], "attempts_exhausted");
    });

    round.test("provider_refusal_fails_the_job_at_once", |cloud| async move {
        let job = cloud.generate(json!({"prompt": "[[refuse]] a kite"})).await;
        let state = cloud.ended(job["jobId"].as_str().unwrap()).await;
        assert_eq!(
            (state["status"].as_str(), state["attempts"].as_u64()),
            (Some("failed"), Some(1)),
            "{state}"
        );
        assert_eq!(state["error"]["retryable"], false);
        assert!(!state["error"]["details"]["contentWarnings"].as_array().unwrap().is_empty());
    });

    round.test("disabled_provider_is_not_replaced_by_another", |cloud| async move {
        let job = cloud.generate(json!({"provider": "midjourney"})).await;
        let state = cloud.ended(job["jobId"].as_str().unwrap()).await;
        assert_eq!(state["status"], "failed");
        assert!(state["error"]["message"].as_str().unwrap().contains("midjourney"));
    });

    round.test("hanging_provider_times_out_and_is_retried", |cloud| async move {
        // The worker's timeout is 15 s here. The first two of three attempts run into it.
        let job = cloud.generate(json!({"prompt": "[[slow:60]] a kite"})).await;
        let state = cloud.ended(job["jobId"].as_str().unwrap()).await;
        assert_eq!(
            (state["status"].as_str(), state["attempts"].as_u64()),
            (Some("failed"), Some(3)),
            "{state}"
        );
        assert_eq!(state["error"]["details"]["reason"], "attempts_exhausted");
    });

    round.test("same_queue_message_three_times_makes_one_result", |cloud| async move {
        let receiver = Receiver::start().await;
        let job = json!({"prompt": "[[slow:2]] a kite", "webhookUrl": receiver.url()});
        let job = cloud.generate(job).await;
        let id = job["jobId"].as_str().unwrap();
        let row = cloud.job(id).await;
        tokio::join!(cloud.send_message(&row), cloud.send_message(&row), cloud.send_message(&row));
        let state = cloud.ended(id).await;
        assert_eq!(
            (state["status"].as_str(), state["attempts"].as_u64()),
            (Some("completed"), Some(1)),
            "{state}"
        );
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(cloud.status(id).await, state, "a late message changes nothing");
        assert_eq!(cloud.objects(&format!("images/{}/", row.storage_prefix)).await.len(), 2);
        assert_eq!(cloud.log_about("image-worker", id, "provider called").len(), 1);
        assert_eq!(receiver.settled("job.completed").await.len(), 1);
    });

    round.test("job_without_a_queue_message_is_requeued", |cloud| async move {
        let receiver = Receiver::start().await;
        let url = WebhookUrl::parse(&receiver.url(), WebhookUrlPolicy::AllowLoopbackHttp).unwrap();
        let webhook = Some(WebhookTarget { url, events: WebhookEvent::DEFAULT.to_vec() });
        let mut job = Job::accept(
            domain::JobId::new(),
            GenerateRequest { webhook, ..testkit::a_request("a kite") },
            "local".parse().unwrap(),
            TraceId::new(),
            Timestamp::now(),
            &JobPolicy { requeue_after: Duration::from_secs(1), ..JobPolicy::default() },
        );
        cloud.jobs().save(&mut job, None).await.unwrap();
        let state = cloud.ended_by_sweeps(&job.id.to_string()).await;
        assert_eq!(
            (state["status"].as_str(), state["attempts"].as_u64()),
            (Some("completed"), Some(1)),
            "{state}"
        );
        assert_eq!(receiver.settled("job.completed").await.len(), 1);
    });

    round.test("job_past_its_deadline_fails_and_its_objects_are_deleted", |cloud| async move {
        let long_ago = Timestamp::now() - Duration::from_secs(25 * 3600);
        let mut job = testkit::job("a kite", long_ago);
        job.client_id = "local".parse().unwrap();
        job.webhook = None;
        job.revision = 0;
        // Its worker stored an image and died.
        job.start(Lease { id: LeaseId::new(), until: long_ago }, long_ago).unwrap();
        job.begin_attempt("sandbox", 1, long_ago);
        let prefix = format!("images/{}/", job.storage_prefix);
        let bucket = cloud.output("ImagesBucket");
        let put = cloud.s3.put_object().bucket(bucket).key(format!("{prefix}0.png"));
        put.body(testkit::an_image(256, 256).into()).send().await.unwrap();
        cloud.jobs().save(&mut job, None).await.unwrap();

        let state = cloud.ended_by_sweeps(&job.id.to_string()).await;
        assert_eq!(
            (state["status"].as_str(), state["attempts"].as_u64()),
            (Some("failed"), Some(1)),
            "{state}"
        );
        assert_eq!(state["error"]["details"]["reason"], "deadline_exceeded");
        eventually("the sweep deletes what no row names", async || {
            cloud.sweep().await;
            cloud.objects(&prefix).await.is_empty().then_some(())
        })
        .await;
    });

    round.test("status_shows_progress_while_the_provider_works", |cloud| async move {
        let job = cloud.generate(json!({"prompt": "[[slow:6]] a kite"})).await;
        let id = job["jobId"].as_str().unwrap().to_owned();
        let seen = eventually("progress is seen", async || {
            let state = cloud.status(&id).await;
            assert_ne!(state["status"], "completed", "no progress was seen before the end");
            let progress = state["progress"].as_u64().unwrap();
            (state["status"] == "processing" && progress > 0).then_some(progress)
        })
        .await;
        assert!(seen < 100);
        assert_eq!(cloud.ended(&id).await["progress"], 100);
    });

    round.test("jobs_of_another_client_are_not_found", |cloud| async move {
        let job = cloud.generate(json!({})).await;
        let other = crate::command_line::make_key(&cloud, "other", &["images:read"]);
        let path = format!("{}{}", cloud.url, job["statusUrl"].as_str().unwrap());
        let get = |key: &str| cloud.http.get(&path).bearer_auth(key).send();
        let refused = get(&other).await.unwrap();
        assert_eq!(refused.status(), 404);
        let refused: serde_json::Value = refused.json().await.unwrap();
        assert_eq!(refused["error"]["code"], "JOB_NOT_FOUND");
        assert_eq!(get(&cloud.api_key).await.unwrap().status(), 200);
    });
}
