//! What `POST /images/batch` writes to rows and queues.

use std::time::Duration;

use domain::access::{Principal, Scope};
use domain::images::{Count, ProviderChoice};
use domain::jobs::{EstimateStore as _, JobClass, JobPolicy, WebhookUrlPolicy};
use domain::primitives::Priority;
use domain::store::StoreError;
use domain::{Error, JobId, JobStatus, Timestamp, UserId};
use edge::http::{Answer, Request};
use images_batch::{Deps, handle};
use serde_json::{Value, json};
use testkit::{Memory, Sent};

const USER: &str = "0190b8a0-0000-7000-8000-000000000001";

fn caller() -> Principal {
    testkit::principal("acme", &[Scope::ImagesWrite])
}

fn batch_of(jobs: usize) -> Value {
    let job = |number| json!({"prompt": format!("kite {number}"), "metadata": {"number": number}});
    json!({"userId": USER, "jobs": (0..jobs).map(job).collect::<Vec<_>>()})
}

fn post(caller: Principal, body: &Value) -> Request {
    Request::by(caller, "images-batch", "POST", body.to_string())
}

async fn send(store: &Memory, request: Request) -> Result<Answer, Error> {
    let deps = Deps {
        batches: store,
        jobs: store,
        idempotency: store,
        estimates: store,
        queue: store,
        policy: JobPolicy::default(),
        webhook_url_policy: WebhookUrlPolicy::HttpsOnly,
    };
    handle(&deps, request).await
}

fn read(answer: &Answer) -> Value {
    assert_eq!(answer.status, 202);
    serde_json::from_slice(&answer.body).unwrap()
}

fn each<'a>(said: &'a Value, field: &str) -> Vec<&'a str> {
    said["jobs"].as_array().unwrap().iter().map(|job| job[field].as_str().unwrap()).collect()
}

fn down() -> StoreError {
    StoreError::Unavailable("down".into())
}

#[tokio::test]
async fn batch_writes_its_row_then_job_rows_then_messages() {
    let store = Memory::new();
    let answer = send(&store, post(caller(), &batch_of(3))).await.unwrap();
    let said = read(&answer);
    let batch = store.batches().pop().unwrap();
    assert_eq!(said["batchId"], batch.id.to_string());
    assert_eq!(said["totalJobs"], 3);
    assert_eq!(said["statusUrl"], format!("/api/v1/images/batch/{}/status", batch.id));
    assert_eq!(answer.headers["location"].to_str().unwrap(), said["statusUrl"]);
    assert_eq!(each(&said, "status"), ["queued"; 3]);
    for (index, id) in each(&said, "jobId").into_iter().enumerate() {
        let job = store.job(id.parse().unwrap()).unwrap();
        assert_eq!(job.picture.prompt.as_str(), format!("kite {index}"), "in the order of the request");
        assert_eq!((job.batch_id, job.created_at), (Some(batch.id), batch.created_at));
        assert_eq!(job.metadata.unwrap().json(), format!(r#"{{"number":{index}}}"#));
        assert!(job.due_at > Some(Timestamp::now()));
    }
    let calls: Vec<_> = store.calls().into_iter().filter(|call| *call != "estimate").collect();
    let in_order = ["save_batch", "save", "save", "save", "send_many", "send_one", "send_one", "send_one"];
    assert_eq!(calls, in_order);
    assert!(batch.due_at.is_some(), "the sweeper checks whether a job is missing");
}

#[tokio::test]
async fn failed_batch_row_accepts_nothing() {
    let store = Memory::new();
    store.fail_next("save_batch", down());
    let refused = send(&store, post(caller(), &batch_of(3))).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })));
    assert_eq!((store.batches().len(), store.jobs().len(), store.sent().len()), (0, 0, 0));
}

#[tokio::test]
async fn jobs_without_row_or_message_are_pending() {
    let store = Memory::new();
    store.fail_next("save", down());
    store.fail_next("send_one", down());
    let said = read(&send(&store, post(caller(), &batch_of(4))).await.unwrap());
    assert_eq!(each(&said, "status").iter().filter(|status| **status == "pending").count(), 2);
    assert_eq!((store.jobs().len(), store.sent().len()), (3, 2));
    let jobs = store.jobs();
    let lost: Vec<_> = jobs.iter().filter(|job| job.status == JobStatus::Pending).collect();
    assert_eq!(lost.len(), 1);
    assert!(lost[0].due_at <= Some(Timestamp::now()), "the next sweep must find it");
}

#[tokio::test]
async fn queue_down_leaves_every_job_pending() {
    let store = Memory::new();
    store.fail_next("send_many", down());
    let said = read(&send(&store, post(caller(), &batch_of(30))).await.unwrap());
    assert_eq!(each(&said, "status"), ["pending"; 30]);
    assert!(store.jobs().iter().all(|job| job.due_at <= Some(Timestamp::now())));
}

#[tokio::test]
async fn second_run_of_same_request_completes_same_batch() {
    let store = Memory::new();
    let (caller, body) = (caller(), batch_of(3));
    let again = || post(caller.clone(), &body).with("idempotency-key", "k");
    // The first run writes the batch and one job row, but its answer is not stored, as after a crash.
    store.fail_next("save", down());
    store.fail_next("save", down());
    store.fail_next("settle", down());
    let first = read(&send(&store, again()).await.unwrap());
    assert_eq!((store.jobs().len(), store.sent().len()), (1, 1));

    let mut later = again();
    later.now = later.deadline + Duration::from_secs(1);
    let second = read(&send(&store, later).await.unwrap());
    assert_eq!(first["batchId"], second["batchId"]);
    assert_eq!(each(&first, "jobId"), each(&second, "jobId"));
    assert_eq!(each(&second, "status"), ["queued"; 3]);
    assert_eq!((store.batches().len(), store.jobs().len(), store.sent().len()), (1, 3, 3));

    let replayed = send(&store, again()).await.unwrap();
    assert_eq!(replayed.headers["idempotent-replayed"], "true");
    assert_eq!(read(&replayed), second);
}

#[tokio::test]
async fn batch_at_deadline_is_still_accepted() {
    let store = Memory::new();
    let mut request = post(caller(), &batch_of(3));
    request.deadline = request.now;
    assert_eq!(read(&send(&store, request).await.unwrap())["totalJobs"], 3);
    assert_eq!(store.batches().len(), 1);
}

#[tokio::test]
async fn jobs_go_to_queue_of_their_priority() {
    let store = Memory::new();
    let body = json!({"userId": USER, "jobs": [
        {"prompt": "a", "priority": "high"}, {"prompt": "b", "priority": "low"}, {"prompt": "c"}]});
    let said = read(&send(&store, post(caller(), &body)).await.unwrap());
    assert_eq!(each(&said, "priority"), ["high", "low", "normal"]);
    for priority in [Priority::High, Priority::Low, Priority::Normal] {
        let to_it = |sent: &&Sent| matches!(sent, Sent::Job(_, queue, Duration::ZERO) if *queue == priority);
        assert_eq!(store.sent().iter().filter(to_it).count(), 1);
    }
}

#[tokio::test]
async fn batch_with_one_invalid_job_is_refused() {
    let store = Memory::new();
    let mut body = batch_of(100);
    body["jobs"][42] = json!({"prompt": ""});
    let refused = send(&store, post(caller(), &body)).await;
    assert!(matches!(refused, Err(Error::Invalid(errors)) if errors[0].path == "jobs[42].prompt"));
    let token = Principal { user: Some(UserId::new()), ..caller() };
    assert!(matches!(send(&store, post(token, &batch_of(1))).await, Err(Error::Forbidden(_))));
    assert!(store.calls().is_empty());
}

#[tokio::test]
async fn jobs_of_batch_have_estimated_completion() {
    let store = Memory::new();
    let class = JobClass { provider: ProviderChoice::Automatic, count: Count::ONE };
    store.record_duration(class, JobId::new(), Duration::from_secs(7)).await.unwrap();
    let said = read(&send(&store, post(caller(), &batch_of(2))).await.unwrap());
    for job in said["jobs"].as_array().unwrap() {
        assert!(job["estimatedCompletionTime"].is_string(), "{job}");
    }
    let job = store.jobs().pop().unwrap();
    assert_eq!(job.estimated_completion_at, Some(job.created_at + Duration::from_secs(7)));
}
