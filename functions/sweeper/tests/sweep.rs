//! What a sweep does about each kind of row.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;
use domain::images::{ImageFormat, ImageStore as _};
use domain::jobs::{JobPolicy, WebhookEvent};
use domain::primitives::{Lease, LeaseId};
use domain::store::StoreError;
use domain::webhooks::{Delivery, TimeScale, WebhookEndpoint};
use domain::{Batch, Job, JobStatus, Timestamp};
use sweeper::{Deps, Swept, sweep};
use testkit::{Memory, Sent};

const HOUR: Duration = Duration::from_secs(3600);

async fn swept(store: &Memory) -> Swept {
    let deps = Deps {
        due: store,
        jobs: store,
        batches: store,
        deliveries: store,
        endpoints: store,
        job_queue: store,
        webhook_queue: store,
        images: store,
        policy: JobPolicy::default(),
        time_scale: TimeScale::REAL,
    };
    sweep(&deps, Timestamp::now() + Duration::from_secs(50)).await.unwrap()
}

fn old_job(age: Duration) -> Job {
    testkit::job("p", Timestamp::now() - age)
}

#[tokio::test]
async fn a_job_without_its_message_is_sent_again_but_not_at_every_sweep() {
    let store = Memory::new();
    let mut job = old_job(HOUR);
    job.status = JobStatus::Pending;
    store.put_job(&job);
    assert_eq!(swept(&store).await, Swept { due: 1, jobs_sent: 1, ..Swept::default() });
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Queued);
    assert_eq!(store.sent().len(), 1);
    assert_eq!(swept(&store).await, Swept::default());
}

#[tokio::test]
async fn a_job_whose_worker_died_is_sent_again() {
    let store = Memory::new();
    let mut job = old_job(HOUR);
    let begun = Timestamp::now() - Duration::from_secs(600);
    job.start(Lease { id: LeaseId::new(), until: begun + Duration::from_secs(60) }, begun).unwrap();
    store.put_job(&job);
    assert_eq!(swept(&store).await.jobs_sent, 1);
    let job = store.job(job.id).unwrap();
    assert!(job.lease.is_some(), "the next worker must see that the last one died");
}

#[tokio::test]
async fn a_job_that_somebody_works_at_is_left_alone() {
    let store = Memory::new();
    let mut job = old_job(HOUR);
    let now = Timestamp::now();
    job.start(Lease { id: LeaseId::new(), until: now + HOUR }, now).unwrap();
    job.due_at = Some(now);
    store.put_job(&job);
    assert_eq!(swept(&store).await, Swept { due: 1, ..Swept::default() });
}

#[tokio::test]
async fn a_job_past_its_deadline_ends_and_its_receiver_is_told() {
    let store = Memory::new();
    let job = old_job(25 * HOUR);
    store.put_job(&job);
    assert_eq!(swept(&store).await.jobs_failed, 1);
    let job = store.job(job.id).unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    assert!(job.error.unwrap().message.contains("24 hours"));
    assert_eq!(store.deliveries()[0].event, WebhookEvent::Failed);
    assert!(store.sent().is_empty());
}

#[tokio::test]
async fn after_the_end_only_what_the_row_names_stays() {
    let store = Memory::new();
    let mut job = old_job(25 * HOUR);
    let begun = Timestamp::now() - HOUR;
    job.start(Lease { id: LeaseId::new(), until: begun }, begun).unwrap();
    store.put_job(&job);
    let stray = format!("images/{}/0.png", job.storage_prefix);
    store.put(&stray, Bytes::from_static(b"x"), ImageFormat::Png, None).await.unwrap();
    store.put("images/other/0.png", Bytes::from_static(b"x"), ImageFormat::Png, None).await.unwrap();

    assert_eq!(swept(&store).await.jobs_failed, 1);
    assert_eq!(swept(&store).await.jobs_cleaned, 1);
    assert_eq!(store.object_keys(), ["images/other/0.png"]);
    assert_eq!(swept(&store).await, Swept::default());
}

#[tokio::test]
async fn a_clean_up_that_fails_is_done_later() {
    let store = Memory::new();
    let mut job = old_job(HOUR);
    let begun = Timestamp::now() - HOUR;
    job.start(Lease { id: LeaseId::new(), until: begun }, begun).unwrap();
    let error = job.exhausted_error();
    job.fail(error, begun).unwrap();
    store.put_job(&job);
    store.fail_next("delete", StoreError::Unavailable("down".into()));
    assert_eq!(swept(&store).await.failed, 1);
    assert_eq!(swept(&store).await, Swept::default(), "it must not stand in the way of others");
    let later = store.job(job.id).unwrap();
    assert!(later.due_at > Some(Timestamp::now() + Duration::from_secs(500)));
    store.put_job(&Job { due_at: Some(Timestamp::now()), ..later });
    assert_eq!(swept(&store).await.jobs_cleaned, 1);
}

#[tokio::test]
async fn an_overdue_webhook_is_sent_again_and_a_claimed_one_is_not() {
    let store = Memory::new();
    let job = old_job(HOUR);
    let mut overdue: Delivery = job.delivery(WebhookEvent::Queued, Timestamp::now() - HOUR).unwrap();
    overdue.revision = 1;
    let mut claimed = job.delivery(WebhookEvent::Started, Timestamp::now() - HOUR).unwrap();
    claimed.revision = 1;
    let lease = Lease { id: LeaseId::new(), until: Timestamp::now() + HOUR };
    claimed.begin_attempt(lease, Timestamp::now(), TimeScale::REAL, 0.5);
    store.put_delivery(&overdue);
    store.put_delivery(&claimed);
    assert_eq!(swept(&store).await, Swept { due: 1, webhooks_sent: 1, ..Swept::default() });
    assert!(matches!(&store.sent()[..], [Sent::Webhook(_, Duration::ZERO)]));
    assert_eq!(swept(&store).await, Swept::default());
}

/// A URL that was switched off an hour ago, with three webhooks parked until it is on again.
fn parked_at_a_url_that_is_off(store: &Memory, due: Timestamp) -> WebhookEndpoint {
    let job = old_job(HOUR);
    let mut endpoint = None;
    for event in [WebhookEvent::Queued, WebhookEvent::Started, WebhookEvent::Failed] {
        let mut delivery: Delivery = job.delivery(event, Timestamp::now() - HOUR).unwrap();
        delivery.revision = 1;
        delivery.hold(Timestamp::now() - HOUR);
        store.put_delivery(&delivery);
        endpoint = Some(WebhookEndpoint::new(job.client_id.clone(), delivery.url, Timestamp::now()));
    }
    let mut endpoint = endpoint.unwrap();
    endpoint.revision = 1;
    endpoint.record_failure(Timestamp::now() - 6 * 24 * HOUR, TimeScale::REAL);
    endpoint.record_failure(Timestamp::now() - HOUR, TimeScale::REAL);
    assert!(endpoint.is_disabled());
    endpoint.due_at = Some(due);
    store.put_receiver(&endpoint);
    endpoint
}

#[tokio::test]
async fn of_a_url_that_is_off_one_webhook_is_tried_when_its_day_has_come() {
    let store = Memory::new();
    parked_at_a_url_that_is_off(&store, Timestamp::now());
    assert_eq!(swept(&store).await, Swept { due: 1, webhooks_sent: 1, ..Swept::default() });
    assert_eq!(store.sent().len(), 1);
    assert!(store.deliveries().iter().all(|delivery| delivery.held), "the sender decides");
    assert_eq!(swept(&store).await, Swept::default());
}

#[tokio::test]
async fn when_a_url_is_on_again_all_that_is_parked_goes_out() {
    let store = Memory::new();
    let mut endpoint = parked_at_a_url_that_is_off(&store, Timestamp::now());
    endpoint.enable(Timestamp::now());
    store.put_receiver(&endpoint);
    store.fail_next("send_webhook", StoreError::Unavailable("down".into()));
    assert_eq!(swept(&store).await, Swept { due: 1, webhooks_sent: 1, ..Swept::default() });
    assert_eq!(store.sent().len(), 2, "one message was not taken");
    assert!(store.deliveries().iter().all(|delivery| !delivery.held && delivery.due_at.is_some()));
    assert_eq!(swept(&store).await, Swept { due: 1, ..Swept::default() }, "there may have been more of them");
    assert!(store.endpoints()[0].due_at > Some(Timestamp::now()), "for those that are parked at this moment");
}

/// More than fits a page of webhooks that were parked before all others, and have expired.
fn expired_before_them(store: &Memory) {
    let job = old_job(HOUR);
    for _ in 0..150 {
        let mut delivery = job.delivery(WebhookEvent::Queued, Timestamp::now() - HOUR).unwrap();
        delivery.hold(Timestamp::now() - 2 * HOUR);
        delivery.expires_at = Timestamp::now();
        store.put_delivery(&delivery);
    }
    for _ in 0..20 {
        store.fail_next("load_delivery", StoreError::Unavailable("row: unreadable".into()));
    }
}

#[tokio::test]
async fn what_has_expired_or_cannot_be_read_keeps_no_other_from_being_the_try_of_the_day() {
    let store = Memory::new();
    parked_at_a_url_that_is_off(&store, Timestamp::now());
    expired_before_them(&store);
    assert_eq!(swept(&store).await, Swept { due: 1, webhooks_sent: 1, ..Swept::default() });
    assert_eq!(store.sent().len(), 1);
}

#[tokio::test]
async fn what_has_expired_or_cannot_be_read_keeps_no_other_from_going_out() {
    let store = Memory::new();
    let mut endpoint = parked_at_a_url_that_is_off(&store, Timestamp::now());
    endpoint.enable(Timestamp::now());
    store.put_receiver(&endpoint);
    expired_before_them(&store);
    assert_eq!(swept(&store).await, Swept { due: 1, webhooks_sent: 1, ..Swept::default() });
    assert_eq!(store.sent().len(), 3);
    // Not all could be read: it looks again, and finds nothing.
    assert_eq!(swept(&store).await, Swept { due: 1, ..Swept::default() });
    assert!(store.endpoints()[0].due_at > Some(Timestamp::now()));
}

#[tokio::test]
async fn a_message_that_does_not_go_out_leaves_the_row_due() {
    let store = Memory::new();
    store.put_job(&old_job(HOUR));
    store.fail_next("send", StoreError::Unavailable("down".into()));
    assert_eq!(swept(&store).await.failed, 1);
    assert_eq!(swept(&store).await.jobs_sent, 1);
}

/// A batch of three whose function died right after the commit.
fn abandoned_batch(store: &Memory) -> Batch {
    let batch = testkit::batch(3, Timestamp::now() - HOUR);
    store.put_batch(&batch);
    batch
}

#[tokio::test]
async fn a_batch_without_rows_gets_them_their_webhooks_and_their_messages() {
    let store = Memory::new();
    let batch = abandoned_batch(&store);
    assert_eq!(swept(&store).await, Swept { due: 1, batches_written: 1, ..Swept::default() });
    let jobs: Vec<Job> = batch.job_ids().into_iter().map(|id| store.job(id).unwrap()).collect();
    for (index, job) in jobs.iter().enumerate() {
        assert_eq!((job.status, job.batch_id), (JobStatus::Queued, Some(batch.id)));
        assert_eq!(job.picture.prompt.as_str(), format!("kite {index}"));
        assert_eq!(job.created_at, batch.created_at, "it was accepted when the batch was");
        assert!(job.due_at > Some(Timestamp::now()), "its message has only just gone out");
    }
    assert_eq!(store.sent().len(), 3);
    let queued = store.deliveries().iter().filter(|owed| owed.event == WebhookEvent::Queued).count();
    assert_eq!(queued, 3);

    let rests = store.batch(batch.id).unwrap();
    assert_eq!((rests.due_at, rests.unwritten.len(), rests.total), (None, 0, 3));
    assert_eq!(swept(&store).await, Swept::default());
}

#[tokio::test]
async fn rows_that_are_there_are_left_alone() {
    let store = Memory::new();
    let batch = abandoned_batch(&store);
    let mut there = batch.unwritten_job(1).unwrap();
    there.cancel(Timestamp::now()).unwrap();
    there.revision = 7;
    store.put_job(&there);
    assert_eq!(swept(&store).await.batches_written, 1);
    assert_eq!(store.job(there.id), Some(there));
    assert_eq!((store.jobs().len(), store.sent().len()), (3, 2));
}

#[tokio::test]
async fn a_batch_stays_due_until_its_last_row_is_written() {
    let store = Memory::new();
    let batch = abandoned_batch(&store);
    store.fail_next("save", StoreError::Unavailable("down".into()));
    assert_eq!(swept(&store).await, Swept { due: 1, failed: 1, ..Swept::default() });
    assert_eq!((store.jobs().len(), store.sent().len()), (2, 2));
    assert_eq!(store.batch(batch.id), Some(batch.clone()));
    assert_eq!(swept(&store).await.batches_written, 1);
    assert_eq!((store.jobs().len(), store.sent().len()), (3, 3), "each job has one message");
}

#[tokio::test]
async fn a_sweeper_that_dies_before_the_batch_rests_does_nothing_twice() {
    let store = Memory::new();
    let batch = abandoned_batch(&store);
    store.fail_next("save_batch", StoreError::Unavailable("down".into()));
    assert_eq!(swept(&store).await.failed, 1);
    assert!(store.batch(batch.id).unwrap().due_at.is_some());
    assert_eq!(swept(&store).await.batches_written, 1);
    assert_eq!((store.jobs().len(), store.sent().len(), store.deliveries().len()), (3, 3, 3));
}

#[tokio::test]
async fn messages_of_a_batch_that_do_not_go_out_leave_their_rows_due() {
    let store = Memory::new();
    let batch = abandoned_batch(&store);
    store.fail_next("send_one", StoreError::Unavailable("down".into()));
    assert_eq!(swept(&store).await.batches_written, 1, "the rows are there, and see to themselves");
    let pending: Vec<_> = store.jobs().into_iter().filter(|job| job.status == JobStatus::Pending).collect();
    assert_eq!((pending.len(), store.sent().len()), (1, 2));
    assert_eq!(swept(&store).await, Swept { due: 1, jobs_sent: 1, ..Swept::default() });
    assert!(batch.job_ids().iter().all(|id| store.job(*id).unwrap().status == JobStatus::Queued));
}

#[tokio::test]
async fn the_jobs_of_a_batch_that_nobody_saw_for_a_day_end_as_any_other() {
    let store = Memory::new();
    let batch = testkit::batch(1, Timestamp::now() - 25 * HOUR);
    store.put_batch(&batch);
    assert_eq!(swept(&store).await.batches_written, 1);
    let job = store.job(batch.id.job(0)).unwrap();
    assert!(job.due_at <= Some(job.deadline.max(Timestamp::now() + Duration::from_secs(120))));
    store.put_job(&Job { due_at: Some(Timestamp::now()), ..job });
    assert_eq!(swept(&store).await.jobs_failed, 1);
}
