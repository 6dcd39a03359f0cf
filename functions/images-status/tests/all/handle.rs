//! Which callers see a job, conditional requests, and long polls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::access::{MAX_LONG_POLLS, Principal, Scope};
use domain::store::StoreError;
use domain::{Error, JobId, Timestamp};
use edge::http::{Answer, Request};
use images_status::{Deps, handle};
use serde_json::Value;
use testkit::Memory;

async fn get(store: &Memory, client: &str, id: &str) -> Result<Answer, Error> {
    let caller = testkit::principal(client, &[Scope::ImagesRead]);
    send(store, asking(&caller, id)).await
}

fn asking(caller: &Principal, id: &str) -> Request {
    Request::by(caller.clone(), "images-status", "GET", "").at("jobId", id)
}

/// How many requests of all callers may wait.
const MAX_OF_ALL: usize = 6;

async fn send(store: &Memory, request: Request) -> Result<Answer, Error> {
    let deps = Deps {
        batches: store,
        jobs: store,
        long_polls: store,
        max_long_polls: MAX_OF_ALL,
        images_url: "https://cdn.example".into(),
    };
    handle(&deps, request).await
}

#[tokio::test]
async fn owner_sees_the_job() {
    let store = Memory::new();
    let job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    let answer = get(&store, "acme", &job.id.to_string()).await.unwrap();
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(said["jobId"], job.id.to_string());
    assert_eq!(
        (said["status"].as_str(), said["progress"].as_u64(), said["attempts"].as_u64()),
        (Some("queued"), Some(0), Some(0))
    );
    assert_eq!(store.calls(), ["load"]);
}

#[tokio::test]
async fn other_clients_job_or_invalid_id_is_not_found() {
    let store = Memory::new();
    let job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    for (client, id) in
        [("other", job.id.to_string()), ("acme", JobId::new().to_string()), ("acme", "x".into())]
    {
        assert!(matches!(get(&store, client, &id).await, Err(Error::NotFound(_))), "{client} {id}");
    }
}

#[tokio::test]
async fn matching_etag_is_not_modified() {
    let store = Memory::new();
    let mut job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    let caller = testkit::principal("acme", &[Scope::ImagesRead]);
    let id = job.id.to_string();
    let first = send(&store, asking(&caller, &id)).await.unwrap();
    let tag = first.headers["etag"].to_str().unwrap().to_owned();

    let again = send(&store, asking(&caller, &id).with("if-none-match", &tag)).await.unwrap();
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    assert_eq!(again.headers["etag"], tag.as_str());

    let (error, now) = (job.deadline_error(), Timestamp::now());
    job.fail(error, now).unwrap();
    store.put_job(&job);
    let changed = send(&store, asking(&caller, &id).with("if-none-match", &tag)).await.unwrap();
    assert_eq!(changed.status, 200);
    assert_ne!(changed.headers["etag"], tag.as_str());
}

#[tokio::test]
async fn long_poll_ends_with_the_job() {
    let store = Arc::new(Memory::new());
    let mut job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    let id = job.id.to_string();
    let caller = testkit::principal("acme", &[Scope::ImagesRead]);
    let began = Instant::now();
    let later = Arc::clone(&store);
    let ending = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let error = job.deadline_error();
        job.fail(error, Timestamp::now()).unwrap();
        later.put_job(&job);
    });
    let answer = send(&store, asking(&caller, &id).with("prefer", "wait=9")).await.unwrap();
    ending.await.unwrap();
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        (said["status"].as_str(), &answer.headers["preference-applied"]),
        (Some("failed"), &"wait=9".parse().unwrap())
    );
    assert!(began.elapsed() < Duration::from_secs(8), "it waited longer than the job ran");
    let calls = store.calls();
    assert_eq!((calls.first(), calls.last()), (Some(&"load"), Some(&"release_long_poll")));
}

#[tokio::test]
async fn long_poll_reads_ten_times_at_most() {
    let store = Memory::new();
    let job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    let caller = testkit::principal("acme", &[Scope::ImagesRead]);
    let request = asking(&caller, &job.id.to_string()).with("prefer", "wait=1");
    let answer = send(&store, request).await.unwrap();
    assert_eq!(answer.status, 200);
    let reads = store.calls().iter().filter(|call| **call == "load").count();
    assert_eq!(reads, 10);

    store.fail_next("acquire_long_poll", StoreError::Unavailable("down".into()));
    let request = asking(&caller, &job.id.to_string()).with("prefer", "wait=1");
    let immediate = send(&store, request).await.unwrap();
    assert!(!immediate.headers.contains_key("preference-applied"));
}

#[tokio::test]
async fn fifth_long_poll_of_caller_does_not_wait() {
    let store = Memory::new();
    let job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    let caller = testkit::principal("acme", &[Scope::ImagesRead]);
    let waiting = || send(&store, asking(&caller, &job.id.to_string()).with("prefer", "wait=2"));
    let began = Instant::now();
    let mut polls: Vec<_> = (0..MAX_LONG_POLLS).map(|_| Box::pin(waiting())).collect();
    for poll in &mut polls {
        assert!(tokio::time::timeout(Duration::from_millis(10), poll).await.is_err());
    }
    let fifth = waiting().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    assert!(!fifth.headers.contains_key("preference-applied"));
    let other = testkit::principal("acme", &[Scope::ImagesRead]);
    let mut others = Box::pin(send(&store, asking(&other, &job.id.to_string()).with("prefer", "wait=2")));
    let waits = tokio::time::timeout(Duration::from_millis(10), &mut others).await.is_err();
    assert!(waits, "another caller has its own permits");
    for poll in polls {
        assert!(poll.await.unwrap().headers.contains_key("preference-applied"));
    }
}

#[tokio::test]
async fn deployment_out_of_long_polls_answers_at_once() {
    let store = Memory::new();
    let job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    let callers: Vec<_> = (0..MAX_OF_ALL).map(|_| testkit::principal("acme", &[Scope::ImagesRead])).collect();
    let waiting =
        |caller: &Principal| send(&store, asking(caller, &job.id.to_string()).with("prefer", "wait=2"));
    let mut polls: Vec<_> = callers.iter().map(|caller| Box::pin(waiting(caller))).collect();
    for poll in &mut polls {
        assert!(tokio::time::timeout(Duration::from_millis(10), poll).await.is_err());
    }
    let one_more = waiting(&testkit::principal("acme", &[Scope::ImagesRead])).await.unwrap();
    assert!(one_more.status == 200 && !one_more.headers.contains_key("preference-applied"));
    for poll in polls {
        assert!(poll.await.unwrap().headers.contains_key("preference-applied"));
    }
}

#[tokio::test]
async fn batch_job_without_row_is_pending() {
    let store = Memory::new();
    let batch = testkit::batch(3, Timestamp::now());
    store.put_batch(&batch);
    let answer = get(&store, "acme", &batch.id.job(2).to_string()).await.unwrap();
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        (said["status"].as_str(), said["batchId"].as_str()),
        (Some("pending"), Some(&*batch.id.to_string()))
    );
    assert_eq!(said["createdAt"], batch.created_at.to_string());
    for (client, id) in [("other", batch.id.job(2)), ("acme", batch.id.job(3))] {
        assert!(
            matches!(get(&store, client, &id.to_string()).await, Err(Error::NotFound(_))),
            "{client} {id}"
        );
    }
}
