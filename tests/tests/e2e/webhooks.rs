//! Webhooks: recipients, contents, signatures and frequency.

use semantest_tests::receiver::{Arrived, Receiver};
use semantest_tests::verifier::accepted;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::Round;

/// Verifies with the public Standard Webhooks libraries.
pub(crate) fn verify(secret: &str, webhook: &Arrived) {
    assert!(accepted(secret, webhook), "the signature of {webhook:?} is wrong");
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("job_end_sends_one_signed_webhook_with_the_jobs_state", |cloud| async move {
        let receiver = Receiver::start().await;
        let metadata = json!({"order": 5});
        let job = cloud.generate(json!({"webhookUrl": receiver.url(), "metadata": metadata})).await;
        let id = job["jobId"].as_str().unwrap();
        let arrived = receiver.settled("job.completed").await;
        assert_eq!(arrived.len(), 1);
        verify(&cloud.webhook_secret, &arrived[0]);
        let wrong = [
            Arrived { id: format!("{}0", arrived[0].id), ..arrived[0].clone() },
            Arrived { bytes: [&arrived[0].bytes[..], b" "].concat(), ..arrived[0].clone() },
            Arrived { timestamp: format!("{}0", &arrived[0].timestamp), ..arrived[0].clone() },
        ];
        assert!(wrong.iter().all(|wrong| !accepted(&cloud.webhook_secret, wrong)), "anything is accepted");
        assert!(!accepted("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", &arrived[0]));

        let (body, state) = (&arrived[0].body, cloud.status(id).await);
        let data = &body["data"];
        assert_eq!((&data["jobId"], &data["status"]), (&state["jobId"], &state["status"]));
        assert_eq!((&data["result"], &data["metadata"]), (&state["result"], &metadata));
        assert_eq!(body["timestamp"], state["completedAt"]);
        assert_eq!(receiver.arrived().len(), 1, "nobody asked for other events");
        let image =
            cloud.http.get(data["result"]["images"][0]["url"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(image.status(), 200);
    });

    round.test("webhook_endpoint_gets_only_the_events_it_subscribed_to", |cloud| async move {
        let receiver = Receiver::start().await;
        let events = json!(["job.queued", "job.started", "job.failed"]);
        let job =
            json!({"prompt": "[[refuse]] a kite", "webhookUrl": receiver.url(), "webhookEvents": events});
        cloud.generate(job).await;
        for event in ["job.queued", "job.started", "job.failed"] {
            let arrived = receiver.wait_for(event, 1).await;
            verify(&cloud.webhook_secret, &arrived[0]);
        }
        let failed = &receiver.of("job.failed")[0].body["data"];
        assert_eq!(
            (failed["status"].as_str(), failed["error"]["code"].as_str()),
            (Some("failed"), Some("GENERATION_FAILED"))
        );
        let ids: std::collections::BTreeSet<_> = receiver.arrived().into_iter().map(|one| one.id).collect();
        assert_eq!(ids.len(), 3);
    });

    round.test("failed_webhook_is_retried_after_seconds_with_the_same_id", |cloud| async move {
        let receiver = Receiver::answering(vec![ResponseTemplate::new(500)]).await;
        cloud.generate(json!({"webhookUrl": receiver.url()})).await;
        let arrived = receiver.wait_for("job.completed", 2).await;
        assert_eq!((&arrived[0].id, &arrived[0].bytes), (&arrived[1].id, &arrived[1].bytes));
        let apart =
            arrived[1].timestamp.parse::<i64>().unwrap() - arrived[0].timestamp.parse::<i64>().unwrap();
        assert!((3..60).contains(&apart), "{apart} s apart");
        verify(&cloud.webhook_secret, &arrived[1]);
    });

    round.test("progress_webhooks_come_at_most_every_2s_and_never_decrease", |cloud| async move {
        let receiver = Receiver::start().await;
        let events = ["job.started", "job.progress", "job.completed"];
        let job =
            json!({"prompt": "[[slow:9]] a kite", "webhookUrl": receiver.url(), "webhookEvents": events});
        cloud.generate(job).await;
        receiver.settled("job.completed").await;
        let mut told: Vec<_> = receiver
            .of("job.progress")
            .iter()
            .map(|one| {
                (one.body["timestamp"].as_str().unwrap().to_owned(), one.body["data"]["progress"].as_u64())
            })
            .collect();
        told.sort();
        assert!(told.len() >= 2, "{told:?}");
        for pair in told.windows(2) {
            let at = |one: &(String, _)| one.0.parse::<domain::Timestamp>().unwrap();
            assert!(at(&pair[1]).since(at(&pair[0])) >= std::time::Duration::from_secs(2), "{told:?}");
            assert!(pair[0].1 < pair[1].1, "{told:?}");
        }
        assert!(told.iter().all(|(_, progress)| progress.is_some_and(|percent| percent < 100)), "{told:?}");
        assert_eq!((receiver.of("job.started").len(), receiver.of("job.completed").len()), (1, 1));
        assert!(receiver.of("job.queued").is_empty(), "nobody asked for it");
    });

    round.test("webhook_redirect_is_a_failure_and_is_not_followed", |cloud| async move {
        let elsewhere = Receiver::start().await;
        let redirect = ResponseTemplate::new(308).insert_header("location", elsewhere.url());
        let receiver = Receiver::answering(vec![redirect]).await;
        cloud.generate(json!({"webhookUrl": receiver.url()})).await;
        receiver.wait_for("job.completed", 2).await;
        assert!(elsewhere.arrived().is_empty());
    });
}
