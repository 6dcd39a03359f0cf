//! What may go wrong between any two lines, done on purpose.

use std::time::Duration;

use semantest_tests::cloud::{Cloud, eventually};
use semantest_tests::receiver::Receiver;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::Round;

/// Waits until a job's worker has come to where it says `message`.
async fn reached(cloud: &Cloud, job: &str, message: &str) {
    eventually(message, async || (!cloud.log_about("image-worker", job, message).is_empty()).then_some(()))
        .await;
}

/// What must hold of every job, whatever happened to it: one ending, its objects and no others, one webhook.
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
    round.test("a_worker_killed_while_it_waits_for_its_provider", |cloud| async move {
        let receiver = Receiver::start().await;
        // Slow at the first try only in that it is killed at it: the second one takes as long.
        let job = cloud.generate(json!({"prompt": "[[slow:4]] a kite", "webhookUrl": receiver.url()})).await;
        let id = job["jobId"].as_str().unwrap();
        reached(&cloud, id, "provider called").await;
        assert!(cloud.kill("image-worker").await > 0);
        let state = ended_well(&cloud, id, &receiver).await;
        assert_eq!(state["attempts"], 2);
    });

    round.test(
        "a_worker_killed_after_the_image_is_stored_and_before_the_row_is_written",
        |cloud| async move {
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
            assert_eq!(
                cloud.log_about("image-worker", id, "provider called").len(),
                1,
                "it was paid for once"
            );
        },
    );

    round.test("a_sender_killed_between_the_request_and_its_write", |cloud| async move {
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

    round.test("with_the_stream_off_the_sweep_alone_delivers", |cloud| async move {
        let sender = cloud.function("webhook-sender").to_owned();
        let mappings = cloud.lambda.list_event_source_mappings().function_name(sender).send().await.unwrap();
        let stream = mappings
            .event_source_mappings()
            .iter()
            .find(|mapping| mapping.event_source_arn().unwrap().contains(":dynamodb:"))
            .unwrap();
        let id = stream.uuid().unwrap();
        let switch = |on: bool| cloud.lambda.update_event_source_mapping().uuid(id).enabled(on).send();
        switch(false).await.unwrap();

        let receiver = Receiver::start().await;
        let job = cloud.generate(json!({"webhookUrl": receiver.url()})).await;
        let job = job["jobId"].as_str().unwrap();
        cloud.ended(job).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let too_early = receiver.arrived().len();
        ended_well(&cloud, job, &receiver).await;
        switch(true).await.unwrap();
        assert_eq!(too_early, 0, "the stream was not off");
    });
}
