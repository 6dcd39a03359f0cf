//! OpenAI from end to end, from the request to the image in the bucket, with a stand-in.

use std::time::Duration;

use domain::images::Size;
use domain::primitives::{NamedValue as _, sha256_hex};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use semantest_tests::cloud::Cloud;
use semantest_tests::stand_ins::StandIns;
use serde_json::{Value, json};
use testkit::standin::Reply;
use testkit::standin::openai::{self, Act, OpenAi};

use crate::Round;

/// Makes a job, waits for its end, and returns its state.
async fn made(cloud: &Cloud, body: Value) -> Value {
    let job = cloud.generate(body).await;
    cloud.ended(job["jobId"].as_str().unwrap()).await
}

/// The requests with this prompt at the stand-in.
fn requests(stand_ins: &StandIns, prompt: &str) -> Vec<Value> {
    let all = stand_ins.openai.requests().into_iter();
    all.filter(|body| body["prompt"].as_str().is_some_and(|text| text.contains(prompt))).collect()
}

/// Checks that the job has `count` images of `size`, and that their bytes match their description.
async fn check(cloud: &Cloud, state: &Value, size: Size, count: usize) {
    assert_eq!(state["status"], "completed", "{state}");
    let (width, height) = size.pixels();
    let images = state["result"]["images"].as_array().unwrap();
    assert_eq!(images.len(), count, "{state}");
    for image in images {
        assert_eq!((&image["width"], &image["height"]), (&json!(width), &json!(height)), "{state}");
        let bytes = cloud.http.get(image["url"].as_str().unwrap()).send().await.unwrap();
        let bytes = bytes.bytes().await.unwrap();
        assert_eq!(image["hash"], sha256_hex(&bytes));
        let picture = image::load_from_memory(&bytes).unwrap();
        assert_eq!((picture.width(), picture.height()), (width, height));
    }
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.with_providers("openai_makes_every_size_in_both_dialects", |cloud, stand_ins| async move {
        let models = [("gpt_image", "gpt-image-2"), ("dalle3", "dall-e-3"), ("dalle2", "dall-e-2")];
        let wanted = models.iter().flat_map(|model| Size::ALL.iter().map(move |size| (*model, *size)));
        let wanted = wanted.filter(|((name, _), size)| {
            let (width, height) = size.pixels();
            *name != "dalle2" || width == height
        });
        // A few at a time: more workers would only contend for the row of the provider's permits, and one that
        // gets its permit late has its call cut off.
        let jobs = stream::iter(wanted).map(async |((provider, model), size)| {
            let body = json!({"prompt": "a kite in every size", "provider": provider, "size": size.as_str()});
            let state = made(&cloud, body).await;
            check(&cloud, &state, size, 1).await;
            assert_eq!((&state["provider"], &state["attempts"]), (&json!("openai"), &json!(1)), "{state}");
            assert_eq!(state["result"]["images"][0]["metadata"]["model"], model);
            assert!(state["result"]["totalCost"].as_f64().unwrap() > 0.0, "{state}");
        });
        jobs.buffer_unordered(4).collect::<Vec<()>>().await;
        let mut sizes: Vec<_> = requests(&stand_ins, "a kite in every size")
            .iter()
            .filter(|body| body["model"] == "gpt-image-2")
            .map(|body| body["size"].as_str().unwrap().to_owned())
            .collect();
        sizes.sort_unstable();
        sizes.dedup();
        assert_eq!(sizes, ["1024x1024", "1024x1792", "1280x720", "1792x1024", "720x1280"]);
    });

    round.with_providers(
        "openai_size_that_the_model_lacks_fails_without_a_request",
        |cloud, stand_ins| async move {
            let body = json!({"prompt": "a wide kite", "provider": "dalle2", "size": "1792x1024"});
            let state = made(&cloud, body).await;
            assert_eq!(
                (&state["status"], &state["error"]["retryable"]),
                (&json!("failed"), &json!(false)),
                "{state}"
            );
            assert!(state["error"]["message"].as_str().unwrap().contains("1792x1024"), "{state}");
            assert_eq!(requests(&stand_ins, "a wide kite").len(), 0);
        },
    );

    round.with_providers(
        "openai_refusal_fails_the_job_without_another_attempt",
        |cloud, stand_ins| async move {
            let error = json!({
                "type": "image_generation_user_error", "code": "moderation_blocked", "param": null,
                "message": "Rejected by the safety system. safety_violations=[violence].",
            });
            stand_ins.openai.upon("a forbidden kite", 9, Act::error(400, &error));
            let state = made(&cloud, json!({"prompt": "a forbidden kite", "provider": "gpt_image"})).await;
            assert_eq!(
                (&state["status"], &state["error"]["retryable"]),
                (&json!("failed"), &json!(false)),
                "{state}"
            );
            assert!(state["error"]["message"].as_str().unwrap().contains("violence"), "{state}");
            assert_eq!(requests(&stand_ins, "a forbidden kite").len(), 1);
        },
    );

    round.with_providers(
        "openai_rate_limit_is_awaited_and_no_image_is_paid_twice",
        |cloud, stand_ins| async move {
            let error =
                json!({"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}});
            let limited = Reply::json(429, &error).header("retry-after", "1.5");
            stand_ins.openai.upon("three busy kites", 1, Act::Answer(limited));
            let started = std::time::Instant::now();
            let body =
                json!({"prompt": "three busy kites", "provider": "dalle3", "count": 3, "size": "1024x1024"});
            let state = made(&cloud, body).await;
            check(&cloud, &state, Size::S1024, 3).await;
            assert!(started.elapsed() > Duration::from_millis(1500));
            assert_eq!(
                requests(&stand_ins, "three busy kites").len(),
                4,
                "three, and the one that was turned away"
            );
            // Three images at the price for standard quality.
            assert_eq!(state["result"]["totalCost"], 0.12, "{state}");
        },
    );

    round.with_providers("openai_response_without_an_image_is_retried", |cloud, stand_ins| async move {
        stand_ins.openai.upon("a torn kite", 1, Act::NoPicture);
        let state = made(&cloud, json!({"prompt": "a torn kite", "provider": "gpt_image"})).await;
        check(&cloud, &state, Size::S256, 1).await;
        assert_eq!(
            (&state["attempts"], requests(&stand_ins, "a torn kite").len()),
            (&json!(2), 2),
            "{state}"
        );
    });

    round.with_providers(
        "openai_answers_about_one_prompt_are_paid_for_twice_at_most_and_close_nothing",
        |cloud, stand_ins| async move {
            // The message quotes a prompt about billing: the caller's error, not the operator's.
            let quoting = "draw a billing quota sign that does not exist";
            let error = json!({
                "type": "invalid_request_error", "code": null,
                "message": format!("Invalid prompt '{quoting}': unsupported language"),
            });
            stand_ins.openai.upon(quoting, 9, Act::error(400, &error));
            let spoilt = |body: &str| Act::Spoil(Reply::new(200, "application/json", body));
            let withheld = r#"{"data":[{"b64_json":"","url":"","respect_moderation":false}]}"#;
            stand_ins.openai.upon("a withheld kite", 9, spoilt(withheld));
            stand_ins.openai.upon("a kite that never comes", 9, spoilt(r#"{"data":[]}"#));
            stand_ins.openai.upon("an illegible kite", 9, Act::Spoil(Reply::html(200)));
            let instead =
                |code: &str| format!(r#"{{"data":[{{"error":{{"code":"{code}","message":"no"}}}}]}}"#);
            let refusal = spoilt(&instead("content_policy_violation"));
            stand_ins.openai.upon("a kite with a refusal in its place", 9, refusal);
            let limit = spoilt(&instead("rate_limit_exceeded"));
            stand_ins.openai.upon("a kite that is said to be too much", 9, limit);
            let jobs = [
                (quoting, 1, "refused"),
                ("a kite with a refusal in its place", 1, "refused"),
                ("a kite that is said to be too much", 2, "attempts_exhausted"),
                ("a withheld kite", 1, "refused"),
                ("a kite that never comes", 2, "refused"),
                ("an illegible kite", 2, "attempts_exhausted"),
            ];
            // Several of each: as failures of the service, they would open its circuit breaker.
            join_all(jobs.iter().flat_map(|job| [job, job]).map(async |(prompt, _, reason)| {
                let state = made(&cloud, json!({"prompt": prompt, "provider": "gpt_image"})).await;
                assert_eq!(state["error"]["details"]["reason"], *reason, "{state}");
            }))
            .await;
            for (prompt, calls, _) in jobs {
                assert_eq!(requests(&stand_ins, prompt).len(), 2 * calls, "{prompt}");
            }
            let state = made(&cloud, json!({"prompt": "a kite after them", "provider": "gpt_image"})).await;
            assert_eq!((&state["status"], &state["attempts"]), (&json!("completed"), &json!(1)), "{state}");
        },
    );

    round.with_providers(
        "openai_refusal_of_one_image_of_four_leaves_the_other_three",
        |cloud, stand_ins| async move {
            let error = json!({
                "type": "image_generation_user_error", "code": "moderation_blocked", "param": null,
                "message": "Rejected by the safety system. safety_violations=[violence].",
            });
            stand_ins.openai.upon("four kites, one forbidden", 1, Act::error(400, &error));
            let body = json!({
                "prompt": "four kites, one forbidden", "provider": "dalle3", "count": 4, "size": "1024x1024",
            });
            let state = made(&cloud, body).await;
            check(&cloud, &state, Size::S1024, 3).await;
            assert_eq!(state["result"]["totalCost"], 0.12, "{state}");
            assert_eq!(state["result"]["contentWarnings"][0]["type"], "violence", "{state}");
            let error = &state["error"];
            assert_eq!(
                (&error["code"], &error["retryable"], &error["details"]["missing"]),
                (&json!("PARTIAL_RESULT"), &json!(false), &json!(1)),
                "{state}"
            );
            assert!(error["message"].as_str().unwrap().starts_with("1 of 4 images"), "{state}");
            assert_eq!(requests(&stand_ins, "four kites, one forbidden").len(), 4);
        },
    );
}

/// Tests with clouds of their own.
pub(crate) fn alone(round: &mut Round<'_>) {
    round.with_own_cloud("openai_compatible_server_makes_every_size", || async {
        let server = OpenAi::start().await;
        let document = json!({"openai": {
            "apiKey": openai::KEY, "baseUrl": server.base_url(),
            "models": {"gpt_image": "flux.1-schnell"}, "dialect": "local", "concurrency": 8,
        }});
        let cloud = Cloud::start_with(Some(&document)).await;
        join_all(Size::ALL.iter().map(async |&size| {
            let body =
                json!({"prompt": "a kite | no dune", "size": size.as_str(), "count": 2, "style": "vivid"});
            let state = made(&cloud, body).await;
            check(&cloud, &state, size, 2).await;
            assert_eq!(state["result"]["totalCost"], 0.0, "{state}");
            let metadata = &state["result"]["images"][0]["metadata"];
            assert_eq!(metadata["model"], "flux.1-schnell", "{state}");
            let revised = metadata["revisedPrompt"].as_str().unwrap();
            assert!(revised.starts_with("a kite / no dune\n\nStyle: vivid"), "{state}");
        }))
        .await;
        let fields = ["model", "prompt", "response_format", "size"];
        for body in server.requests() {
            assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), fields);
        }
        assert_eq!((server.refusals().len(), server.paid_calls()), (0, 2 * Size::ALL.len()));
        assert_eq!(cloud.stop().await, Vec::<String>::new());
    });
}
