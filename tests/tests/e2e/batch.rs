//! Batches: all or nothing, few AWS calls, and complete after a crash.

use std::collections::BTreeSet;
use std::time::Duration;

use aws::keys;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::access::{ApiKey, Caller, IdempotencyKey};
use domain::jobs::{BatchStore as _, JobStore as _};
use domain::{Batch, Job};
use reqwest::Method;
use semantest_tests::cloud::{Cloud, eventually};
use semantest_tests::receiver::Receiver;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Round;
use crate::tenant::{Tenant, code, read};

fn batch_of(jobs: usize) -> Value {
    let job = |number| json!({"prompt": "a kite", "size": "256x256", "metadata": {"number": number}});
    json!({"userId": Uuid::new_v4(), "jobs": (0..jobs).map(job).collect::<Vec<_>>()})
}

fn ids(body: &Value) -> Vec<String> {
    body["jobs"].as_array().unwrap().iter().map(|job| job["jobId"].as_str().unwrap().to_owned()).collect()
}

/// Runs the sweeper until all jobs of the batch have ended, and returns the batch.
async fn ended(cloud: &Cloud, tenant: &Tenant, batch: &str) -> Value {
    let path = format!("/images/batch/{batch}/status");
    eventually(&format!("batch {batch} ends"), async || {
        cloud.sweep().await;
        let (status, body) = tenant.get(&path).await;
        assert_eq!(status, 200, "{body}");
        let open = ["pending", "queued", "processing"].map(|status| body["counts"][status].as_u64().unwrap());
        (open == [0, 0, 0]).then_some(body)
    })
    .await
}

/// The stored batches and jobs of a client.
async fn rows(cloud: &Cloud, client: &str) -> (Vec<Batch>, Vec<Job>) {
    let (mut batches, mut jobs) = (Vec::new(), Vec::new());
    let mut pages =
        cloud.dynamodb.scan().table_name(cloud.output("JobsTable")).into_paginator().items().send();
    while let Some(item) = pages.next().await {
        let item = item.unwrap();
        if item.get("clientId").and_then(|own| own.as_s().ok()).is_none_or(|own| own != client) {
            continue;
        }
        match item["sk"].as_s().unwrap().as_str() {
            "BATCH" => batches.push(serde_dynamo::from_item(item).unwrap()),
            "JOB" => jobs.push(serde_dynamo::from_item(item).unwrap()),
            _ => {}
        }
    }
    (batches, jobs)
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("batch_makes_its_jobs_and_sends_a_webhook_for_each", |cloud| async move {
        let (tenant, receiver) = (Tenant::new(&cloud), Receiver::start().await);
        let mut body = batch_of(5);
        body["jobs"][1]["priority"] = json!("high");
        body["jobs"][2]["priority"] = json!("low");
        body["jobs"][3]["prompt"] = json!("[[refuse]] a kite");
        body["webhookUrl"] = json!(receiver.url());
        let answer = tenant.call(Method::POST, "/images/batch").json(&body).send().await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let (status, accepted) = read(answer).await;
        let batch = accepted["batchId"].as_str().unwrap();
        assert_eq!((status, accepted["totalJobs"].as_u64()), (202, Some(5)), "{accepted}");
        assert_eq!(accepted["statusUrl"], location);
        assert_eq!(location, format!("/api/v1/images/batch/{batch}/status"));
        let priorities: Vec<_> =
            accepted["jobs"].as_array().unwrap().iter().map(|job| job["priority"].clone()).collect();
        assert_eq!(priorities, ["normal", "high", "low", "normal", "normal"]);
        for (id, job) in ids(&accepted).iter().zip(accepted["jobs"].as_array().unwrap()) {
            assert_eq!(job["status"], "queued");
            assert_eq!(job["statusUrl"], format!("/api/v1/images/status/{id}"));
            assert_eq!(job["cancelUrl"], format!("/api/v1/images/cancel/{id}"));
        }

        let state = ended(&cloud, &tenant, batch).await;
        assert_eq!(ids(&state), ids(&accepted), "in the order of the request");
        let counts =
            json!({"pending": 0, "queued": 0, "processing": 0, "completed": 4, "failed": 1, "cancelled": 0});
        assert_eq!((&state["counts"], state["totalJobs"].as_u64()), (&counts, Some(5)));
        for (number, job) in state["jobs"].as_array().unwrap().iter().enumerate() {
            assert_eq!((&job["batchId"], &job["metadata"]["number"]), (&json!(batch), &json!(number)));
            let alone = tenant.get(&format!("/images/status/{}", job["jobId"].as_str().unwrap())).await;
            assert_eq!(alone, (200, job.clone()), "told alone as among the others");
        }
        receiver.wait_for("job.completed", 4).await;
        receiver.wait_for("job.failed", 1).await;
        let told: BTreeSet<_> =
            receiver.arrived().iter().map(|one| one.body["data"]["jobId"].to_string()).collect();
        assert_eq!(told.len(), 5);
        assert!(receiver.arrived().iter().all(|one| one.body["data"]["batchId"] == batch));
    });

    round.test("batch_with_one_invalid_job_is_refused_whole", |cloud| async move {
        let tenant = Tenant::new(&cloud);
        let mut body = batch_of(100);
        body["jobs"][3] = json!({"prompt": ""});
        body["jobs"][7] = json!("a kite");
        body["jobs"][99]["count"] = json!(5);
        let refused = tenant.batch(&body).await;
        assert_eq!(code(&refused), (400, "VALIDATION_ERROR"));
        let faults = refused.1["error"]["details"].as_array().unwrap();
        let paths: Vec<_> = faults.iter().map(|fault| fault["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["jobs[3].prompt", "jobs[7]", "jobs[99].count"]);
        for jobs in [0, 101] {
            let refused = tenant.batch(&batch_of(jobs)).await;
            assert_eq!(code(&refused), (400, "VALIDATION_ERROR"));
            assert_eq!(refused.1["error"]["details"][0]["path"], "jobs");
        }
        let (batches, jobs) = rows(&cloud, &tenant.client).await;
        assert_eq!((batches.len(), jobs.len()), (0, 0));
    });

    round.test("batch_of_another_client_or_user_is_not_found", |cloud| async move {
        let (tenant, stranger) = (Tenant::new(&cloud), Tenant::new(&cloud));
        let mut body = batch_of(2);
        // Still running when it is cancelled below.
        body["jobs"][0]["prompt"] = json!("[[slow:10]] a kite");
        let user: Uuid = body["userId"].as_str().unwrap().parse().unwrap();
        let owner = tenant.user(user).await;
        let (status, accepted) = owner.batch(&body).await;
        assert_eq!(status, 202, "{accepted}");
        let (batch, job) = (accepted["batchId"].as_str().unwrap(), &ids(&accepted)[0]);
        let other_user = tenant.user(Uuid::new_v4()).await;
        let path = format!("/images/batch/{batch}/status");
        for other in [&stranger, &other_user] {
            assert_eq!(code(&other.get(&path).await), (404, "BATCH_NOT_FOUND"));
            assert_eq!(code(&other.get(&format!("/images/status/{job}")).await), (404, "JOB_NOT_FOUND"));
            assert_eq!(code(&other.cancel(job).await), (404, "JOB_NOT_FOUND"));
        }
        assert_eq!(code(&other_user.batch(&body).await), (403, "FORBIDDEN"));
        assert_eq!(owner.get(&path).await.0, 200);
        assert_eq!(owner.cancel(job).await.0, 204);
        for id in [Uuid::now_v7().to_string(), "x".into()] {
            let refused = tenant.get(&format!("/images/batch/{id}/status")).await;
            assert_eq!(code(&refused), (404, "BATCH_NOT_FOUND"));
        }
        ended(&cloud, &tenant, batch).await;
    });

    round.test("batch_with_the_same_idempotency_key_is_made_once", |cloud| async move {
        let (tenant, body) = (Tenant::new(&cloud), batch_of(3));
        let post = || tenant.call(Method::POST, "/images/batch").header("idempotency-key", "k").json(&body);
        let (_, first) = read(post().send().await.unwrap()).await;
        let again = post().send().await.unwrap();
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!(read(again).await, (202, first.clone()));

        // As if the function had crashed right after its work: no response is stored, and its lease has
        // expired.
        let caller = Caller::Key(tenant.key.parse::<ApiKey>().unwrap().id());
        let key = IdempotencyKey::new(caller, "k").unwrap();
        cloud
            .dynamodb
            .update_item()
            .table_name(cloud.output("JobsTable"))
            .key("pk", AttributeValue::S(keys::idempotency_partition(&key)))
            .key("sk", AttributeValue::S(keys::idempotency_sort().to_owned()))
            .update_expression("SET claimedUntil = :zero REMOVE answer")
            .expression_attribute_values(":zero", AttributeValue::N("0".into()))
            .send()
            .await
            .unwrap();
        let (status, second) = read(post().send().await.unwrap()).await;
        assert_eq!((status, ids(&second), &second["batchId"]), (202, ids(&first), &first["batchId"]));
        ended(&cloud, &tenant, first["batchId"].as_str().unwrap()).await;
        let (batches, jobs) = rows(&cloud, &tenant.client).await;
        assert_eq!((batches.len(), jobs.len()), (1, 3));
        assert!(jobs.iter().all(|job| job.attempts == 1));
    });

    round.test("batch_without_job_rows_is_pending_until_a_sweep_completes_it", |cloud| async move {
        let (tenant, receiver) = (Tenant::new(&cloud), Receiver::start().await);
        let mut batch = testkit::batch(4, domain::Timestamp::now() - Duration::from_secs(600));
        batch.client_id = tenant.client.parse().unwrap();
        batch.revision = 0;
        let url = domain::jobs::WebhookUrl::parse(
            &receiver.url(),
            domain::jobs::WebhookUrlPolicy::AllowLoopbackHttp,
        );
        batch.webhook.as_mut().unwrap().url = url.unwrap();
        cloud.jobs().save_batch(&mut batch).await.unwrap();
        let (_, state) = tenant.get(&format!("/images/batch/{}/status", batch.id)).await;
        // The sweep of another test may have started the jobs, but none of them has ended yet.
        assert_eq!((state["totalJobs"].as_u64(), state["counts"]["completed"].as_u64()), (Some(4), Some(0)));
        let state = ended(&cloud, &tenant, &batch.id.to_string()).await;
        assert_eq!(state["counts"]["completed"], 4, "{state}");
        for event in ["job.queued", "job.started", "job.completed"] {
            assert_eq!(receiver.wait_for(event, 4).await.len(), 4, "{event}");
        }
        let (batches, jobs) = rows(&cloud, &tenant.client).await;
        assert_eq!((jobs.len(), batches[0].unwritten.len(), batches[0].due_at), (4, 0, None));
    });
}

pub(crate) fn alone(round: &mut Round<'_>) {
    round.test("batch_of_100_takes_few_calls_and_writes_each_row_once", |cloud| async move {
        let tenant = Tenant::new(&cloud);
        let mut body = batch_of(100);
        for (number, job) in body["jobs"].as_array_mut().unwrap().iter_mut().enumerate() {
            job["priority"] = json!(["high", "normal", "low"][number % 3]);
        }
        // A first request, so that the key is cached.
        assert_eq!(tenant.batch(&json!({})).await.0, 400);
        let seen = cloud.calls_so_far();
        let (status, accepted) = tenant.batch(&body).await;
        assert_eq!((status, ids(&accepted).len()), (202, 100));
        let calls = cloud.calls_of("images-batch", seen);
        let count = |name: &str| calls.iter().filter(|call| *call == name).count();
        assert_eq!(count("sqs:SendMessageBatch"), 12, "{calls:?}");
        assert_eq!(count("dynamodb:PutItem"), 101, "the batch and each job once");
        let others = calls.len() - 12 - 101;
        assert!(others <= 2, "and one for the limit, and one a minute for the estimate: {calls:?}");

        let batch = accepted["batchId"].as_str().unwrap();
        let seen = cloud.calls_so_far();
        tenant.get(&format!("/images/batch/{batch}/status")).await;
        let calls = cloud.calls_of("images-batch-status", seen);
        let asked = ["dynamodb:UpdateItem", "dynamodb:GetItem", "dynamodb:BatchGetItem"];
        assert!(calls.ends_with(&asked.map(str::to_owned)), "{calls:?}");
        let state = ended(&cloud, &tenant, batch).await;
        assert_eq!(state["counts"]["completed"], 100);
        assert!(state["jobs"].as_array().unwrap().iter().all(|job| job["attempts"] == 1));
    });

    round.test("killed_batch_function_leaves_a_whole_batch_or_none", |cloud| async move {
        let mut cut = 0;
        for milliseconds in [5, 20, 40, 60, 80, 100, 130, 160] {
            let tenant = Tenant::new(&cloud);
            // A first request, so that the delays below fall into the work and not into a cold start.
            assert_eq!(tenant.batch(&json!({})).await.0, 400);
            let (asking, body) = (tenant.clone(), batch_of(40));
            let asked = tokio::spawn(async move { asking.batch(&body).await });
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            cloud.kill("images-batch").await;
            let (status, answer) = asked.await.unwrap();
            let (batches, jobs) = rows(&cloud, &tenant.client).await;
            cut += u32::from(status != 202);
            let Some(batch) = batches.first() else {
                assert_eq!((status == 202, jobs.len()), (false, 0), "{answer}");
                continue;
            };
            assert_eq!(batches.len(), 1);
            let state = ended(&cloud, &tenant, &batch.id.to_string()).await;
            assert_eq!((state["counts"]["completed"].as_u64(), ids(&state).len()), (Some(40), 40));
            let rows = cloud.jobs().load_many(&batch.job_ids()).await.unwrap();
            assert!(rows.iter().all(|row| row.as_ref().is_some_and(|job| job.attempts == 1)));
            eventually("the batch rests", async || {
                cloud.sweep().await;
                cloud.jobs().load_batch(batch.id).await.unwrap().unwrap().due_at.is_none().then_some(())
            })
            .await;
        }
        assert!(cut > 0, "no function was killed at its work");
    });
}
