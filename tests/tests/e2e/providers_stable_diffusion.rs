//! Stable Diffusion from end to end, on a self-hosted server and at Stability.

use std::sync::Arc;
use std::time::Duration;

use domain::images::Size;
use domain::primitives::NamedValue as _;
use reqwest::Method;
use semantest_tests::cloud::{Cloud, eventually};
use semantest_tests::receiver::Receiver;
use serde_json::{Value, json};
use testkit::standin::stability::{blurred, problem, problem_of_v1};

use crate::Round;

/// Makes a job, waits until it has completed, and returns its state.
async fn made(cloud: &Arc<Cloud>, body: Value) -> Value {
    let job = cloud.generate(body).await;
    let state = cloud.ended(job["jobId"].as_str().unwrap()).await;
    assert_eq!(state["status"], "completed", "{state}");
    state
}

/// Asserts that every image of the job has exactly this size, whatever size its provider made.
async fn assert_size(cloud: &Arc<Cloud>, state: &Value, size: Size) {
    for image in state["result"]["images"].as_array().unwrap() {
        let (width, height) = size.pixels();
        assert_eq!(
            (image["width"].as_u64(), image["height"].as_u64()),
            (Some(width.into()), Some(height.into()))
        );
        let bytes =
            cloud.http.get(image["url"].as_str().unwrap()).send().await.unwrap().bytes().await.unwrap();
        let picture = image::load_from_memory(&bytes).unwrap();
        assert_eq!((picture.width(), picture.height()), (width, height), "{state}");
    }
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.with_providers("self_hosted_stable_diffusion_makes_every_size", |cloud, stand_ins| async move {
        for &size in Size::ALL {
            let body = json!({"provider": "stable_diffusion", "size": size.as_str(), "style": "natural"});
            let state = made(&cloud, body).await;
            assert_size(&cloud, &state, size).await;
            assert_eq!(
                (&state["provider"], &state["result"]["totalCost"]),
                (&json!("stable_diffusion"), &json!(0.0))
            );
            let told = &state["result"]["images"][0]["metadata"];
            assert_eq!(told["model"], "sd_xl_base_1.0");
            assert!(told["seed"].is_u64() && told["revisedPrompt"].is_string(), "{told}");
        }
        assert!(stand_ins.automatic1111.made().len() >= Size::ALL.len());
    });

    round.with_providers("stability_makes_every_size_and_reports_its_cost", |cloud, stand_ins| async move {
        for &size in Size::ALL {
            let state =
                made(&cloud, json!({"provider": "automatic", "size": size.as_str(), "count": 2})).await;
            assert_size(&cloud, &state, size).await;
            assert_eq!(
                (&state["provider"], &state["result"]["totalCost"]),
                (&json!("stability"), &json!(0.06))
            );
            let images = state["result"]["images"].as_array().unwrap();
            assert_eq!(images.len(), 2);
            assert_ne!(images[0]["metadata"]["seed"], images[1]["metadata"]["seed"]);
        }
        let state = made(&cloud, json!({"provider": "automatic", "quality": "hd"})).await;
        assert_eq!(state["result"]["totalCost"], 0.08);
        assert_eq!(state["result"]["images"][0]["metadata"]["model"], "stable-image-ultra");
        assert!(stand_ins.stability.made().len() >= 2 * Size::ALL.len());
    });
}

/// Tests that change the stand-ins for every request.
pub(crate) fn alone(round: &mut Round<'_>) {
    round.with_providers(
        "blurred_image_fails_the_job_without_another_attempt",
        |cloud, stand_ins| async move {
            let before = stand_ins.stability.asked().len();
            stand_ins.stability.next(blurred());
            let job = cloud.generate(json!({"provider": "automatic"})).await;
            let state = cloud.ended(job["jobId"].as_str().unwrap()).await;
            assert_eq!((&state["status"], &state["attempts"]), (&json!("failed"), &json!(1)), "{state}");
            assert_eq!(state["error"]["retryable"], false);
            assert_eq!(stand_ins.stability.asked().len(), before + 1);
            assert_eq!(state.get("result"), None);
        },
    );

    round.with_providers(
        "provider_error_that_quotes_the_api_key_is_not_repeated",
        |cloud, stand_ins| async move {
            let key = stand_ins.stability.settings()["apiKey"].as_str().unwrap().to_owned();
            let quoted = format!("{key}: is not what it should be, {key}");
            for (reply, status) in [
                (problem(400, "bad_request", &quoted), "failed"),
                (problem(422, &key, &quoted), "failed"),
                (problem_of_v1(401, "unauthorized", &quoted), "completed"),
                (problem(500, &key, &quoted).header("retry-after", &key), "completed"),
            ] {
                let receiver = Receiver::start().await;
                stand_ins.stability.next(reply);
                let job =
                    cloud.generate(json!({"provider": "automatic", "webhookUrl": receiver.url()})).await;
                let state = cloud.ended(job["jobId"].as_str().unwrap()).await;
                assert_eq!(state["status"], status, "{state}");
                assert!(!state.to_string().contains("canary"), "{state}");
                let arrived = receiver.wait_for(&format!("job.{status}"), 1).await;
                assert!(!String::from_utf8_lossy(&arrived[0].bytes).contains("canary"), "{arrived:?}");
            }
        },
    );

    round.with_providers("cancelled_job_interrupts_the_self_hosted_server", |cloud, stand_ins| async move {
        let before = stand_ins.automatic1111.interrupts();
        stand_ins.automatic1111.take(Duration::from_secs(60));
        let job = cloud.generate(json!({"provider": "stable_diffusion"})).await;
        let id = job["jobId"].as_str().unwrap();
        eventually("its progress is told", async || {
            (cloud.status(id).await["progress"].as_u64() > Some(0)).then_some(())
        })
        .await;
        let cancelled = cloud.api(Method::DELETE, &format!("/images/cancel/{id}")).send().await.unwrap();
        assert_eq!(cancelled.status(), 204);
        eventually("it is interrupted", async || {
            (stand_ins.automatic1111.interrupts() > before).then_some(())
        })
        .await;
        stand_ins.automatic1111.take(Duration::ZERO);
    });
}
