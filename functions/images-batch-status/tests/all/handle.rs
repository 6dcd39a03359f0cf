//! Which callers see a batch, and what the answer contains.

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
async fn job_without_row_is_pending() {
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
async fn other_callers_batch_or_invalid_id_is_not_found() {
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

/// A completed job with four images, each with a revised prompt of `revised` characters.
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
    // 4096 bytes: every character is escaped, which gives the longest JSON string.
    let metadata = format!(r#"{{"a":"{}"}}"#, r#"\""#.repeat(2044)).try_into().unwrap();
    Job { status: JobStatus::Completed, result: Some(result), metadata: Some(metadata), ..job }
}

#[tokio::test]
async fn largest_batch_fits_into_lambda_response() {
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
        // Lambda sends the body as a JSON string.
        let sent = serde_json::to_string(std::str::from_utf8(&answer.body).unwrap()).unwrap();
        assert!(sent.len() < 6_000_000, "{} bytes", sent.len());
    }
}
