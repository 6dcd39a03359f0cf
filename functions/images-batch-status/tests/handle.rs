//! Who sees a batch, and what of it.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use domain::access::{Principal, Scope};
use domain::images::{ImageFormat, ImageOrigin, StoredImage};
use domain::jobs::JobResult;
use domain::primitives::ImageId;
use domain::{BatchId, Error, Job, JobStatus, Timestamp, UserId};
use edge::http::{Answer, Request};
use images_batch_status::{Deps, handle};
use serde_json::{Value, json};
use testkit::Memory;

async fn get(store: &Memory, caller: Principal, id: &str) -> Result<Answer, Error> {
    let deps = Deps { batches: store, jobs: store, images_url: "https://cdn.example".into() };
    handle(&deps, Request::by(caller, "images-batch-status", "GET", "").at("batchId", id)).await
}

fn acme() -> Principal {
    testkit::principal("acme", &[Scope::ImagesRead])
}

#[tokio::test]
async fn a_job_without_a_row_is_pending() {
    let store = Memory::new();
    let batch = testkit::batch(3, Timestamp::now());
    store.put_batch(&batch);
    let mut ended = batch.unwritten_job(1).unwrap();
    ended.cancel(Timestamp::now()).unwrap();
    store.put_job(&ended);

    let answer = get(&store, acme(), &batch.id.to_string()).await.unwrap();
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(said["batchId"], batch.id.to_string());
    assert_eq!(said["totalJobs"], 3);
    assert_eq!(
        said["counts"],
        json!({"pending": 2, "queued": 0, "processing": 0, "completed": 0, "failed": 0, "cancelled": 1})
    );
    for (index, job) in said["jobs"].as_array().unwrap().iter().enumerate() {
        assert_eq!(job["jobId"], batch.job_ids()[index].to_string());
        assert_eq!(job["batchId"], batch.id.to_string());
        assert_eq!(job["status"], if index == 1 { "cancelled" } else { "pending" });
    }
    assert_eq!(store.calls(), ["load_batch", "load_many"]);
}

#[tokio::test]
async fn somebody_elses_batch_does_not_exist_and_neither_does_nonsense() {
    let store = Memory::new();
    let batch = testkit::batch(1, Timestamp::now());
    store.put_batch(&batch);
    let user = |user| Principal { user: Some(user), ..acme() };
    assert!(get(&store, user(batch.user_id), &batch.id.to_string()).await.is_ok());
    for (caller, id) in [
        (testkit::principal("other", &[Scope::ImagesRead]), batch.id.to_string()),
        (user(UserId::new()), batch.id.to_string()),
        (acme(), BatchId::new().to_string()),
        (acme(), batch.id.job(0).to_string()),
        (acme(), "x".into()),
    ] {
        assert!(matches!(get(&store, caller, &id).await, Err(Error::NotFound(_))), "{id}");
    }
}

/// The job completed, by a provider that rewrote the prompt at this length, four times.
fn completed(job: Job, revised: usize) -> Job {
    let image = |index| StoredImage {
        id: ImageId::new(),
        index,
        key: format!("images/{}/{index}.png", job.storage_prefix),
        thumbnail_key: format!("images/{}/{index}-256.png", job.storage_prefix),
        format: ImageFormat::Png,
        width: 512,
        height: 512,
        size_bytes: u64::MAX,
        sha256: "0".repeat(64),
        origin: ImageOrigin {
            provider: "openai".into(),
            model: "m".into(),
            revised_prompt: Some("\"".repeat(revised)),
            seed: Some(u64::MAX),
            cost_micros: 1,
        },
    };
    let result = JobResult {
        images: (0..4).map(image).collect(),
        provider: "openai".into(),
        cost_micros: 4,
        processing_millis: 1,
        warnings: vec![],
    };
    // 4096 bytes that take as much room on the way as any.
    let metadata = format!(r#"{{"a":"{}"}}"#, r#"\""#.repeat(2044)).try_into().unwrap();
    Job { status: JobStatus::Completed, result: Some(result), metadata: Some(metadata), ..job }
}

#[tokio::test]
async fn the_largest_batch_fits_into_an_answer() {
    for (revised, kept) in [(2_400, true), (16_000, false)] {
        let store = Memory::new();
        let batch = testkit::batch(100, Timestamp::now());
        store.put_batch(&batch);
        for index in 0..100 {
            store.put_job(&completed(batch.unwritten_job(index).unwrap(), revised));
        }
        let answer = get(&store, acme(), &batch.id.to_string()).await.unwrap();
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        let image = &said["jobs"][99]["result"]["images"][3];
        assert_eq!(image["metadata"]["revisedPrompt"].is_string(), kept);
        // On the way it is a string in JSON.
        let sent = serde_json::to_string(std::str::from_utf8(&answer.body).unwrap()).unwrap();
        assert!(sent.len() < 6_000_000, "{} bytes", sent.len());
    }
}
