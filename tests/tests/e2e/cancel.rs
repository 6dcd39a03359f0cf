//! Cancellation in every state, and at the moment when a job completes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::JobStatus;
use domain::jobs::BatchStore as _;
use futures_util::stream::{self, StreamExt as _};
use semantest_tests::cloud::{Cloud, eventually};
use semantest_tests::receiver::Receiver;
use serde_json::{Value, json};

use crate::Round;
use crate::tenant::{Tenant, code};

async fn state(tenant: &Tenant, job: &str) -> Value {
    tenant.get(&format!("/images/status/{job}")).await.1
}

/// Runs the sweeper until no object of the job is left.
async fn nothing_stays(cloud: &Cloud, job: &str) {
    let prefix = format!("images/{}/", cloud.job(job).await.storage_prefix);
    eventually("the sweep deletes what the worker left", async || {
        cloud.sweep().await;
        let rests = cloud.job(job).await.due_at.is_none();
        (rests && cloud.objects(&prefix).await.is_empty()).then_some(())
    })
    .await;
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("cancelled_running_job_discards_its_late_result", |cloud| async move {
        let (tenant, receiver) = (Tenant::new(&cloud), Receiver::start().await);
        // The provider delivers the image and stays busy, so the image is stored when the job is cancelled.
        let wanted = json!({"prompt": "[[linger:5]] a kite", "webhookUrl": receiver.url()});
        let job = tenant.generate(wanted).await;
        eventually("an image is stored", async || {
            (!cloud.log_about("image-worker", &job, "image stored").is_empty()).then_some(())
        })
        .await;
        assert_eq!(tenant.cancel(&job).await, (204, Value::Null));
        let cancelled = state(&tenant, &job).await;
        assert_eq!((&cancelled["status"], cancelled.get("result")), (&json!("cancelled"), None));
        assert!(cancelled["completedAt"].is_string() && cancelled["startedAt"].is_string());
        assert_eq!(code(&tenant.cancel(&job).await), (409, "CANNOT_CANCEL"));
        nothing_stays(&cloud, &job).await;
        assert_eq!(state(&tenant, &job).await, cancelled, "what came late changed nothing");
        let told = receiver.settled("job.cancelled").await;
        assert_eq!((told.len(), receiver.arrived().len()), (1, 1));
        assert_eq!(told[0].body["data"]["status"], "cancelled");
        assert_eq!(told[0].body["timestamp"], cancelled["completedAt"]);
    });

    round.test("job_between_attempts_is_cancelled", |cloud| async move {
        let tenant = Tenant::new(&cloud);
        let job = tenant.generate(json!({"prompt": "[[fail:forever]] a kite"})).await;
        eventually("a try has failed", async || (cloud.job(&job).await.failures > 0).then_some(())).await;
        assert_eq!(tenant.cancel(&job).await.0, 204);
        nothing_stays(&cloud, &job).await;
        assert_eq!(cloud.job(&job).await.status, JobStatus::Cancelled);
    });

    round.test("batch_job_without_a_row_is_cancelled", |cloud| async move {
        let (tenant, receiver) = (Tenant::new(&cloud), Receiver::start().await);
        // Not due for an hour, so no sweep writes its rows.
        let mut batch = testkit::batch(2, domain::Timestamp::now() + Duration::from_secs(3600));
        batch.client_id = tenant.client.parse().unwrap();
        batch.revision = 0;
        let url = domain::jobs::WebhookUrl::parse(
            &receiver.url(),
            domain::jobs::WebhookUrlPolicy::AllowLoopbackHttp,
        );
        batch.webhook.as_mut().unwrap().url = url.unwrap();
        cloud.jobs().save_batch(&mut batch).await.unwrap();
        let job = batch.id.job(0).to_string();
        assert_eq!(state(&tenant, &job).await["status"], "pending");
        assert_eq!(tenant.cancel(&job).await.0, 204);
        assert_eq!(state(&tenant, &job).await["status"], "cancelled");
        receiver.wait_for("job.cancelled", 1).await;
        let (_, whole) = tenant.get(&format!("/images/batch/{}/status", batch.id)).await;
        assert_eq!((&whole["counts"]["cancelled"], &whole["counts"]["pending"]), (&json!(1), &json!(1)));
        assert_eq!(tenant.cancel(&batch.id.job(1).to_string()).await.0, 204);
    });

    round.test("ended_job_cannot_be_cancelled", |cloud| async move {
        let tenant = Tenant::new(&cloud);
        for (prompt, status) in [("a kite", "completed"), ("[[refuse]] a kite", "failed")] {
            let job = tenant.generate(json!({"prompt": prompt})).await;
            eventually("it ends", async || (state(&tenant, &job).await["status"] == status).then_some(()))
                .await;
            let ended = state(&tenant, &job).await;
            assert_eq!(code(&tenant.cancel(&job).await), (409, "CANNOT_CANCEL"));
            assert_eq!(state(&tenant, &job).await, ended);
        }
        for id in ["x", "0190b8a0-0000-7000-8000-000000000001"] {
            assert_eq!(code(&tenant.cancel(id).await), (404, "JOB_NOT_FOUND"));
        }
    });
}

pub(crate) fn alone(round: &mut Round<'_>) {
    round.test("cancel_racing_completion_ends_each_job_once", |cloud| async move {
        let (tenant, receiver) = (Tenant::new(&cloud), Receiver::start().await);
        let (cloud, tenant, url) = (&cloud, &tenant, &receiver.url());
        let race = |number: u64| async move {
            let job = tenant.generate(json!({"webhookUrl": url})).await;
            // After the start of the run, with a different delay for each job.
            eventually("a worker has it", async || (cloud.job(&job).await.attempts > 0).then_some(())).await;
            tokio::time::sleep(Duration::from_millis(number * 7 % 100)).await;
            let (status, answer) = tenant.cancel(&job).await;
            assert!(status == 204 || code(&(status, answer.clone())) == (409, "CANNOT_CANCEL"), "{answer}");
            (job, status == 204)
        };
        let jobs: BTreeMap<String, bool> = stream::iter(0..200)
            .map(race)
            .buffer_unordered(8)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .collect();
        let won = jobs.values().filter(|cancelled| **cancelled).count();
        assert!((5..=195).contains(&won), "they did not race: {won} of 200 were cancelled");

        for (job, cancelled) in &jobs {
            let ended = state(tenant, job).await;
            assert_eq!(ended["status"], if *cancelled { "cancelled" } else { "completed" }, "{ended}");
            assert_eq!(ended.get("result").is_none(), *cancelled);
        }
        eventually("each receiver is told", async || (receiver.arrived().len() >= 200).then_some(())).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        // A webhook may arrive twice, with the same id.
        let told: BTreeSet<(String, String, String)> = receiver
            .arrived()
            .into_iter()
            .map(|one| (one.body["data"]["jobId"].as_str().unwrap().to_owned(), one.event, one.id))
            .collect();
        assert_eq!(told.len(), 200, "one ending each");
        for (job, event, _) in &told {
            assert_eq!(event, if jobs[job] { "job.cancelled" } else { "job.completed" });
        }
        for job in jobs.iter().filter_map(|(job, cancelled)| cancelled.then_some(job)) {
            nothing_stays(cloud, job).await;
        }
    });
}
