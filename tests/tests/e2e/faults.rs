//! Injected faults: killed functions and a disabled stream.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures_util::FutureExt as _;
use reqwest::Method;
use semantest_tests::cloud::{Cloud, eventually};
use semantest_tests::receiver::Receiver;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::Round;

/// Waits until a job's worker logs `message`.
async fn reached(cloud: &Cloud, job: &str, message: &str) {
    eventually(message, async || (!cloud.log_about("image-worker", job, message).is_empty()).then_some(()))
        .await;
}

/// Asserts what must be true of every job after a fault: it ends once, has its objects and no others, and
/// sends one webhook.
async fn ended_well(cloud: &Cloud, job: &str, receiver: &Receiver) -> Value {
    let state = cloud.ended_by_sweeps(job).await;
    assert_eq!(state["status"], "completed", "{state}");
    let row = cloud.job(job).await;
    let mut named: Vec<_> = row
        .result
        .iter()
        .flat_map(|result| &result.images)
        .flat_map(|image| [image.key.clone(), image.thumbnail_key.clone()])
        .collect();
    named.sort();
    let prefix = format!("images/{}/", row.storage_prefix);
    eventually("the sweep leaves only what the row names", async || {
        cloud.sweep().await;
        let mut there = cloud.objects(&prefix).await;
        there.sort();
        (there == named).then_some(())
    })
    .await;
    let arrived = receiver.settled("job.completed").await;
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    state
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("worker_killed_during_a_provider_call_completes_later", |cloud| async move {
        let receiver = Receiver::start().await;
        // The first run is killed; the second takes just as long.
        let job = cloud.generate(json!({"prompt": "[[slow:4]] a kite", "webhookUrl": receiver.url()})).await;
        let id = job["jobId"].as_str().unwrap();
        reached(&cloud, id, "provider called").await;
        assert!(cloud.kill("image-worker").await > 0);
        let state = ended_well(&cloud, id, &receiver).await;
        assert_eq!(state["attempts"], 2);
    });

    round.test("worker_killed_before_it_saves_the_row_pays_once", |cloud| async move {
        let receiver = Receiver::start().await;
        let job =
            cloud.generate(json!({"prompt": "[[linger:8]] a kite", "webhookUrl": receiver.url()})).await;
        let id = job["jobId"].as_str().unwrap();
        reached(&cloud, id, "image stored").await;
        assert!(cloud.kill("image-worker").await > 0);
        let prefix = format!("images/{}/", cloud.job(id).await.storage_prefix);
        assert!(!cloud.objects(&prefix).await.is_empty());
        assert_eq!(cloud.status(id).await["status"], "processing");

        let state = ended_well(&cloud, id, &receiver).await;
        assert_eq!(state["attempts"], 1, "nobody had to be asked again");
        assert_eq!(cloud.log_about("image-worker", id, "provider called").len(), 1, "it was paid for once");
    });

    round.test("sender_killed_before_it_saves_the_attempt_sends_again", |cloud| async move {
        let hanging = ResponseTemplate::new(204).set_delay(Duration::from_secs(10));
        let receiver = Receiver::answering(vec![hanging]).await;
        cloud.generate(json!({"webhookUrl": receiver.url()})).await;
        receiver.wait_for("job.completed", 1).await;
        assert!(cloud.kill("webhook-sender").await > 0);
        let arrived = eventually("it comes again", async || {
            cloud.sweep().await;
            let arrived = receiver.of("job.completed");
            (arrived.len() >= 2).then_some(arrived)
        })
        .await;
        assert_eq!((&arrived[0].id, &arrived[0].bytes), (&arrived[1].id, &arrived[1].bytes));
        assert_eq!(receiver.settled("job.completed").await.len(), 2);
    });

    round.test("sweep_delivers_all_webhooks_without_the_stream", |cloud| async move {
        let sender = cloud.function("webhook-sender").to_owned();
        let mappings = cloud.lambda.list_event_source_mappings().function_name(sender).send().await.unwrap();
        let mapping = mappings
            .event_source_mappings()
            .iter()
            .find(|mapping| mapping.event_source_arn().unwrap().contains(":dynamodb:"))
            .unwrap();
        let id = mapping.uuid().unwrap();
        let switch = |on: bool| cloud.lambda.update_event_source_mapping().uuid(id).enabled(on).send();
        switch(false).await.unwrap();
        let outcome = AssertUnwindSafe(without_the_stream(&cloud)).catch_unwind().await;
        // Also after a failure: later tests need the stream.
        switch(true).await.unwrap();
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

/// One job that completes, and many that are refused, with three events each. The sweep delivers all of
/// them.
async fn without_the_stream(cloud: &Cloud) {
    const MANY: usize = 60;
    const EVENTS: [&str; 3] = ["job.queued", "job.started", "job.failed"];
    let (one, many) = (Receiver::start().await, Receiver::start().await);
    let drawn = cloud.generate(json!({"webhookUrl": one.url()})).await;
    let drawn = drawn["jobId"].as_str().unwrap();
    let job = |number| json!({"prompt": format!("[[refuse]] kite {number}"), "size": "256x256"});
    let body = json!({"userId": uuid::Uuid::new_v4(), "jobs": (0..MANY).map(job).collect::<Vec<_>>(),
        "webhookUrl": many.url(), "webhookEvents": EVENTS});
    let accepted = cloud.api(Method::POST, "/images/batch").json(&body).send().await.unwrap();
    assert_eq!(accepted.status(), 202);
    let accepted: Value = accepted.json().await.unwrap();
    let ids =
        accepted["jobs"].as_array().unwrap().iter().map(|job| job["jobId"].as_str().unwrap().to_owned());
    let ids: BTreeSet<_> = ids.collect();
    assert_eq!(ids.len(), MANY);

    // The sweep delivers webhooks from 30 s after their event; the stream delivers them at once.
    cloud.ended(drawn).await;
    let some = ids.first().unwrap();
    cloud.ended(some).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((one.arrived().len(), many.arrived().len()), (0, 0), "the stream was not off");

    ended_well(cloud, drawn, &one).await;
    let arrived = eventually("all events of all jobs arrive", async || {
        cloud.sweep().await;
        let arrived = many.arrived();
        (arrived.len() >= MANY * EVENTS.len()).then_some(arrived)
    })
    .await;
    let told: BTreeSet<_> = arrived
        .iter()
        .map(|one| (one.body["data"]["jobId"].as_str().unwrap().to_owned(), one.event.as_str()))
        .collect();
    let owed: BTreeSet<_> = ids.iter().flat_map(|id| EVENTS.map(|event| (id.clone(), event))).collect();
    assert_eq!(told, owed, "none lost, and none that is not owed");
    assert_eq!(arrived.len(), owed.len(), "each came once");
}
