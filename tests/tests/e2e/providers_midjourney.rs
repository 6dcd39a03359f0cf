//! Midjourney from end to end: a task that outlives the worker, and a grid that is split into images.

use std::sync::Arc;
use std::time::Duration;

use domain::images::Size;
use domain::primitives::NamedValue as _;
use futures_util::future::join_all;
use semantest_tests::cloud::{Cloud, eventually};
use semantest_tests::stand_ins::StandIns;
use serde_json::{Value, json};
use testkit::standin::midjourney::{Act, code};

use crate::Round;

/// The memory limit for a process that makes four large images, so that it fits into a small function.
const MOST_MIB: u64 = 256;

async fn pictures(cloud: &Cloud, state: &Value) -> Vec<(u32, u32)> {
    let images = state["result"]["images"].as_array().unwrap_or_else(|| panic!("{state}"));
    let urls = images.iter().map(|image| image["url"].as_str().unwrap());
    join_all(urls.map(async |url| {
        let bytes = cloud.http.get(url).send().await.unwrap().bytes().await.unwrap();
        let picture = image::load_from_memory(&bytes).unwrap();
        (picture.width(), picture.height())
    }))
    .await
}

/// The number of paid grids whose prompt starts with this text.
fn paid(stand_ins: &StandIns, prompt: &str) -> usize {
    stand_ins.midjourney.prompts().iter().filter(|paid| paid.starts_with(prompt)).count()
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.with_providers("midjourney_makes_every_requested_size", |cloud, stand_ins| async move {
        join_all(Size::ALL.iter().map(async |size| {
            let prompt = format!("a kite of {}", size.as_str());
            let job = cloud
                .generate(json!({
                    "provider": "midjourney", "size": size.as_str(), "count": 2, "priority": "high",
                    "prompt": format!("https://a.example/1.png {prompt} --repeat 40"),
                }))
                .await;
            let id = job["jobId"].as_str().unwrap();
            let state = cloud.ended(id).await;
            assert_eq!(pictures(&cloud, &state).await, [size.pixels(); 2]);
            assert_eq!(state["provider"], "midjourney");
            assert_eq!(state["result"]["totalCost"], 0.03);
            let metadata = &state["result"]["images"][0]["metadata"];
            assert_eq!(metadata["model"], "midjourney-8.1");
            assert!(metadata["revisedPrompt"].as_str().unwrap().starts_with(&prompt));
            // One task for both images, however often it was polled.
            let row = cloud.job(id).await;
            assert_eq!((paid(&stand_ins, &prompt), row.paid_calls, row.attempts, row.failures), (1, 1, 1, 0));
        }))
        .await;
        assert_eq!(stand_ins.midjourney.refusals(), Vec::<String>::new());
    });

    round.with_providers("midjourney_banned_prompt_fails_the_job_unpaid", |cloud, stand_ins| async move {
        let job = cloud.generate(json!({"provider": "midjourney", "prompt": "a bannedword kite"})).await;
        let state = cloud.ended(job["jobId"].as_str().unwrap()).await;
        assert_eq!(
            (state["status"].as_str(), state["attempts"].as_u64()),
            (Some("failed"), Some(1)),
            "{state}"
        );
        assert_eq!(state["error"]["retryable"], false);
        assert_eq!(paid(&stand_ins, "a bannedword"), 0);
    });
}

pub(crate) fn alone(round: &mut Round<'_>) {
    round.with_providers("midjourney_worker_killed_before_its_checkpoint_pays_once", killed);

    round.with_providers("midjourney_worker_killed_on_the_second_attempt_pays_once", killed_later);

    round.with_providers(
        "midjourney_worker_with_four_large_images_stays_in_memory",
        |cloud, stand_ins| async move {
            // Larger than requested, so that each image is resampled, and close to the maximum size.
            stand_ins.midjourney.side(4096);
            let large = json!({"provider": "midjourney", "size": "1792x1024", "count": 4});
            let jobs = join_all([cloud.generate(large.clone()), cloud.generate(large)]).await;
            for job in jobs {
                let state = cloud.ended(job["jobId"].as_str().unwrap()).await;
                assert_eq!(pictures(&cloud, &state).await, [(1792, 1024); 4]);
            }
            stand_ins.midjourney.side(1024);
            let peaks = cloud.peaks("image-worker").await;
            println!("the most that each image-worker has taken, in MiB: {peaks:?}");
            assert!(!peaks.is_empty());
            assert!(peaks.iter().all(|peak| *peak < MOST_MIB), "MiB: {peaks:?}");
        },
    );
}

async fn killed(cloud: Arc<Cloud>, stand_ins: Arc<StandIns>) {
    let calls = killed_while_asking(&cloud, &stand_ins, "a doomed kite").await;
    assert_eq!(calls, 1);
}

async fn killed_later(cloud: Arc<Cloud>, stand_ins: Arc<StandIns>) {
    // The first attempt fails before a task is accepted.
    stand_ins.midjourney.next(Act::Answer(code(9, &Value::Null)));
    let calls = killed_while_asking(&cloud, &stand_ins, "a kite doomed later").await;
    assert_eq!(calls, 2);
}

/// Kills the worker after the proxy accepted the task and before it responded. Returns the paid calls on
/// the row.
async fn killed_while_asking(cloud: &Cloud, stand_ins: &StandIns, prompt: &str) -> u32 {
    let taken = code(1, &json!("1730000000999999")).after(Duration::from_secs(60));
    stand_ins.midjourney.next(Act::Spoil(taken));
    let job = cloud.generate(json!({"provider": "midjourney", "prompt": prompt})).await;
    let id = job["jobId"].as_str().unwrap();
    eventually("the task is taken", async || (paid(stand_ins, prompt) == 1).then_some(())).await;
    assert!(cloud.kill("image-worker").await > 0);
    let state = cloud.ended_by_sweeps(id).await;
    assert_eq!(state["status"], "completed", "{state}");
    assert_eq!(paid(stand_ins, prompt), 1);
    assert_eq!(pictures(cloud, &state).await, [(256, 256)]);
    cloud.job(id).await.paid_calls
}
