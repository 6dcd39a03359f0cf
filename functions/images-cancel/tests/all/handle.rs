//! What cancelling does to a job in every state, and with concurrent writes.

use std::time::Duration;

use domain::access::{Principal, Scope};
use domain::jobs::{JobPolicy, JobResult, WebhookEvent};
use domain::primitives::{Lease, LeaseId};
use domain::store::StoreError;
use domain::{Error, Job, JobStatus, Timestamp, UserId};
use edge::http::{Answer, Request};
use images_cancel::{Deps, handle};
use testkit::Memory;

fn acme() -> Principal {
    testkit::principal("acme", &[Scope::ImagesWrite])
}

async fn cancel_by(store: &Memory, caller: Principal, id: &str) -> Result<Answer, Error> {
    let deps = Deps { batches: store, jobs: store };
    handle(&deps, Request::by(caller, "images-cancel", "DELETE", "").at("jobId", id)).await
}

async fn cancel(store: &Memory, job: &Job) -> Result<Answer, Error> {
    cancel_by(store, acme(), &job.id.to_string()).await
}

fn events(store: &Memory) -> Vec<WebhookEvent> {
    store.deliveries().into_iter().map(|delivery| delivery.event).collect()
}

fn lease() -> Lease {
    Lease { id: LeaseId::new(), until: Timestamp::now() + Duration::from_secs(60) }
}

/// A job in each state in which it can still be cancelled.
fn open_jobs() -> Vec<Job> {
    let now = Timestamp::now();
    let queued = testkit::job("p", now);
    let pending = Job { status: JobStatus::Pending, ..testkit::job("p", now) };
    let mut processing = testkit::job("p", now);
    processing.start(lease(), now).unwrap();
    let mut released = testkit::job("p", now);
    released.start(lease(), now).unwrap();
    released.release(now + Duration::from_secs(60), true, &JobPolicy::default()).unwrap();
    vec![queued, pending, processing, released]
}

#[tokio::test]
async fn cancel_open_job_saves_job_and_delivery_in_one_write() {
    for job in open_jobs() {
        let store = Memory::new();
        store.put_job(&job);
        let answer = cancel(&store, &job).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
        let after = store.job(job.id).unwrap();
        assert_eq!(after.status, JobStatus::Cancelled);
        assert_eq!(events(&store), [WebhookEvent::Cancelled]);
        assert_eq!(store.deliveries()[0].snapshot.status, JobStatus::Cancelled);
        assert_eq!(store.calls(), ["load", "save"]);
        assert_eq!(after.due_at.is_some(), job.started_at.is_some(), "a worker may have stored images");
        let lease_ends_at = job.lease.map(|lease| lease.until);
        assert!(after.due_at >= lease_ends_at, "no cleanup while the worker may be running");
    }
}

#[tokio::test]
async fn cancel_ended_job_changes_nothing() {
    let now = Timestamp::now();
    let result = JobResult {
        images: vec![],
        provider: "sandbox".into(),
        cost_micros: 0,
        processing_millis: 1,
        warnings: vec![],
    };
    let mut completed = testkit::job("p", now);
    completed.start(lease(), now).unwrap();
    completed.complete(result, now).unwrap();
    let mut failed = testkit::job("p", now);
    let error = failed.deadline_error();
    failed.fail(error, now).unwrap();
    let mut cancelled = testkit::job("p", now);
    cancelled.cancel(now).unwrap();
    for job in [completed, failed, cancelled] {
        let store = Memory::new();
        store.put_job(&job);
        assert!(matches!(cancel(&store, &job).await, Err(Error::CannotCancel)));
        assert_eq!((store.job(job.id), events(&store)), (Some(job), vec![]));
    }
}

#[tokio::test]
async fn cancel_batch_job_without_row_reports_no_queued() {
    let store = Memory::new();
    let batch = testkit::batch(3, Timestamp::now());
    store.put_batch(&batch);
    let job = batch.unwritten_job(1).unwrap();
    assert_eq!(cancel(&store, &job).await.unwrap().status.as_u16(), 204);
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Cancelled);
    assert_eq!(events(&store), [WebhookEvent::Cancelled]);
    assert_eq!(store.jobs().len(), 1);
    assert!(matches!(cancel(&store, &job).await, Err(Error::CannotCancel)));
    let beyond = batch.id.job(3).to_string();
    assert!(matches!(cancel_by(&store, acme(), &beyond).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn cancel_on_conflict_retries_up_to_limit() {
    for job in open_jobs() {
        let store = Memory::new();
        store.put_job(&job);
        store.fail_next("save", StoreError::Conflict);
        store.fail_next("save", StoreError::Conflict);
        assert!(cancel(&store, &job).await.is_ok());
        assert_eq!(events(&store), [WebhookEvent::Cancelled]);
    }
    let store = Memory::new();
    let job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    (0..10).for_each(|_| store.fail_next("save", StoreError::Conflict));
    assert!(matches!(cancel(&store, &job).await, Err(Error::Unavailable { .. })), "the retries are limited");
}

#[tokio::test]
async fn cancel_batch_job_on_row_conflict_retries() {
    let store = Memory::new();
    let batch = testkit::batch(1, Timestamp::now());
    store.put_batch(&batch);
    let job = batch.unwritten_job(0).unwrap();
    store.fail_next("save", StoreError::Conflict);
    assert!(cancel(&store, &job).await.is_ok());
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Cancelled);
}

#[tokio::test]
async fn other_callers_job_or_invalid_id_is_not_found() {
    let store = Memory::new();
    let job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    let batch = testkit::batch(1, Timestamp::now());
    store.put_batch(&batch);
    let stranger = || testkit::principal("other", &[Scope::ImagesWrite]);
    let other_user = Principal { user: Some(UserId::new()), ..acme() };
    for (caller, id) in [
        (stranger(), job.id.to_string()),
        (stranger(), batch.id.job(0).to_string()),
        (other_user, job.id.to_string()),
        (acme(), domain::JobId::new().to_string()),
        (acme(), "x".into()),
    ] {
        assert!(matches!(cancel_by(&store, caller, &id).await, Err(Error::NotFound(_))), "{id}");
    }
    assert_eq!(store.job(job.id), Some(job));
}

#[tokio::test]
async fn store_failure_does_not_cancel() {
    let store = Memory::new();
    let job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    store.fail_next("save", StoreError::Unavailable("down".into()));
    assert!(matches!(cancel(&store, &job).await, Err(Error::Unavailable { .. })));
    assert_eq!(store.job(job.id), Some(job));
}
