//! What a sweep does with each kind of row.

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
async fn job_without_message_is_requeued_once() {
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
async fn job_of_dead_worker_is_requeued() {
    let store = Memory::new();
    let mut job = old_job(HOUR);
    let begun = Timestamp::now() - Duration::from_secs(600);
    job.start(Lease { id: LeaseId::new(), until: begun + Duration::from_secs(60) }, begun).unwrap();
    store.put_job(&job);
    assert_eq!(swept(&store).await.jobs_sent, 1);
    let job = store.job(job.id).unwrap();
    assert!(job.lease.is_some(), "the next worker must see that the previous one died");
}

#[tokio::test]
async fn leased_job_is_skipped() {
    let store = Memory::new();
    let mut job = old_job(HOUR);
    let now = Timestamp::now();
    job.start(Lease { id: LeaseId::new(), until: now + HOUR }, now).unwrap();
    job.due_at = Some(now);
    store.put_job(&job);
    assert_eq!(swept(&store).await, Swept { due: 1, ..Swept::default() });
}

#[tokio::test]
async fn job_past_its_deadline_fails_with_a_webhook() {
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
async fn clean_up_keeps_only_objects_of_the_row() {
    let store = Memory::new();
    let mut job = old_job(25 * HOUR);
    let begun = Timestamp::now() - HOUR;
    job.start(Lease { id: LeaseId::new(), until: begun }, begun).unwrap();
    store.put_job(&job);
    let orphan = format!("images/{}/0.png", job.storage_prefix);
    store.put(&orphan, Bytes::from_static(b"x"), ImageFormat::Png, None).await.unwrap();
    store.put("images/other/0.png", Bytes::from_static(b"x"), ImageFormat::Png, None).await.unwrap();

    assert_eq!(swept(&store).await.jobs_failed, 1);
    assert_eq!(swept(&store).await.jobs_cleaned, 1);
    assert_eq!(store.object_keys(), ["images/other/0.png"]);
    assert_eq!(swept(&store).await, Swept::default());
}

#[tokio::test]
async fn failed_clean_up_is_repeated_later() {
    let store = Memory::new();
    let mut job = old_job(HOUR);
    let begun = Timestamp::now() - HOUR;
    job.start(Lease { id: LeaseId::new(), until: begun }, begun).unwrap();
    let error = job.exhausted_error();
    job.fail(error, begun).unwrap();
    store.put_job(&job);
    store.fail_next("delete", StoreError::Unavailable("down".into()));
    assert_eq!(swept(&store).await.failed, 1);
    assert_eq!(swept(&store).await, Swept::default(), "it must not block the others");
    let later = store.job(job.id).unwrap();
    assert!(later.due_at > Some(Timestamp::now() + Duration::from_secs(500)));
    store.put_job(&Job { due_at: Some(Timestamp::now()), ..later });
    assert_eq!(swept(&store).await.jobs_cleaned, 1);
}

#[tokio::test]
async fn overdue_webhook_is_requeued_unless_leased() {
    let store = Memory::new();
    let job = old_job(HOUR);
    let mut overdue: Delivery = job.delivery(WebhookEvent::Queued, Timestamp::now() - HOUR).unwrap();
    overdue.revision = 1;
    let mut leased = job.delivery(WebhookEvent::Started, Timestamp::now() - HOUR).unwrap();
    leased.revision = 1;
    let lease = Lease { id: LeaseId::new(), until: Timestamp::now() + HOUR };
    leased.begin_attempt(lease, Timestamp::now(), TimeScale::REAL, 0.5);
    store.put_delivery(&overdue);
    store.put_delivery(&leased);
    assert_eq!(swept(&store).await, Swept { due: 1, webhooks_sent: 1, ..Swept::default() });
    assert!(matches!(&store.sent()[..], [Sent::Webhook(_, Duration::ZERO)]));
    assert_eq!(swept(&store).await, Swept::default());
}

/// An endpoint that was disabled an hour ago, with three held webhooks.
fn disabled_endpoint_with_held(store: &Memory, due: Timestamp) -> WebhookEndpoint {
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
    store.put_endpoint(&endpoint);
    endpoint
}

#[tokio::test]
async fn due_probe_sends_one_held_webhook() {
    let store = Memory::new();
    disabled_endpoint_with_held(&store, Timestamp::now());
    assert_eq!(swept(&store).await, Swept { due: 1, webhooks_sent: 1, ..Swept::default() });
    assert_eq!(store.sent().len(), 1);
    assert!(store.deliveries().iter().all(|delivery| delivery.held), "the sender decides");
    assert_eq!(swept(&store).await, Swept::default());
}

#[tokio::test]
async fn enabled_endpoint_releases_all_held_webhooks() {
    let store = Memory::new();
    let mut endpoint = disabled_endpoint_with_held(&store, Timestamp::now());
    endpoint.enable(Timestamp::now());
    store.put_endpoint(&endpoint);
    store.fail_next("send_webhook", StoreError::Unavailable("down".into()));
    assert_eq!(swept(&store).await, Swept { due: 1, webhooks_sent: 1, ..Swept::default() });
    assert_eq!(store.sent().len(), 2, "one message was not taken");
    assert!(store.deliveries().iter().all(|delivery| !delivery.held && delivery.due_at.is_some()));
    assert_eq!(swept(&store).await, Swept { due: 1, ..Swept::default() }, "there may be more of them");
    assert!(store.endpoints()[0].due_at > Some(Timestamp::now()), "for those that are held meanwhile");
}

/// Adds more expired webhooks than fit a page, held before all others, and makes some reads fail.
fn add_expired_and_unreadable(store: &Memory) {
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
async fn probe_skips_expired_and_unreadable_webhooks() {
    let store = Memory::new();
    disabled_endpoint_with_held(&store, Timestamp::now());
    add_expired_and_unreadable(&store);
    assert_eq!(swept(&store).await, Swept { due: 1, webhooks_sent: 1, ..Swept::default() });
    assert_eq!(store.sent().len(), 1);
}

#[tokio::test]
async fn release_skips_expired_and_unreadable_webhooks() {
    let store = Memory::new();
    let mut endpoint = disabled_endpoint_with_held(&store, Timestamp::now());
    endpoint.enable(Timestamp::now());
    store.put_endpoint(&endpoint);
    add_expired_and_unreadable(&store);
    assert_eq!(swept(&store).await, Swept { due: 1, webhooks_sent: 1, ..Swept::default() });
    assert_eq!(store.sent().len(), 3);
    // Some rows could not be read, so the next sweep looks again and finds nothing.
    assert_eq!(swept(&store).await, Swept { due: 1, ..Swept::default() });
    assert!(store.endpoints()[0].due_at > Some(Timestamp::now()));
}

#[tokio::test]
async fn unsent_message_leaves_the_job_due() {
    let store = Memory::new();
    store.put_job(&old_job(HOUR));
    store.fail_next("send", StoreError::Unavailable("down".into()));
    assert_eq!(swept(&store).await.failed, 1);
    assert_eq!(swept(&store).await.jobs_sent, 1);
}

/// A batch of three jobs whose function died right after the commit.
fn abandoned_batch(store: &Memory) -> Batch {
    let batch = testkit::batch(3, Timestamp::now() - HOUR);
    store.put_batch(&batch);
    batch
}

#[tokio::test]
async fn batch_without_rows_gets_rows_webhooks_and_messages() {
    let store = Memory::new();
    let batch = abandoned_batch(&store);
    assert_eq!(swept(&store).await, Swept { due: 1, batches_written: 1, ..Swept::default() });
    let jobs: Vec<Job> = batch.job_ids().into_iter().map(|id| store.job(id).unwrap()).collect();
    for (index, job) in jobs.iter().enumerate() {
        assert_eq!((job.status, job.batch_id), (JobStatus::Queued, Some(batch.id)));
        assert_eq!(job.picture.prompt.as_str(), format!("kite {index}"));
        assert_eq!(job.created_at, batch.created_at, "the job was accepted with the batch");
        assert!(job.due_at > Some(Timestamp::now()), "its message was just sent");
    }
    assert_eq!(store.sent().len(), 3);
    let queued = store.deliveries().iter().filter(|delivery| delivery.event == WebhookEvent::Queued).count();
    assert_eq!(queued, 3);

    let written = store.batch(batch.id).unwrap();
    assert_eq!((written.due_at, written.unwritten.len(), written.total), (None, 0, 3));
    assert_eq!(swept(&store).await, Swept::default());
}

#[tokio::test]
async fn existing_rows_of_a_batch_stay_unchanged() {
    let store = Memory::new();
    let batch = abandoned_batch(&store);
    let mut existing = batch.unwritten_job(1).unwrap();
    existing.cancel(Timestamp::now()).unwrap();
    existing.revision = 7;
    store.put_job(&existing);
    assert_eq!(swept(&store).await.batches_written, 1);
    assert_eq!(store.job(existing.id), Some(existing));
    assert_eq!((store.jobs().len(), store.sent().len()), (3, 2));
}

#[tokio::test]
async fn batch_stays_due_until_its_last_row_is_written() {
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
async fn crash_before_the_batch_is_saved_repeats_nothing() {
    let store = Memory::new();
    let batch = abandoned_batch(&store);
    store.fail_next("save_batch", StoreError::Unavailable("down".into()));
    assert_eq!(swept(&store).await.failed, 1);
    assert!(store.batch(batch.id).unwrap().due_at.is_some());
    assert_eq!(swept(&store).await.batches_written, 1);
    assert_eq!((store.jobs().len(), store.sent().len(), store.deliveries().len()), (3, 3, 3));
}

#[tokio::test]
async fn unsent_messages_of_a_batch_leave_their_rows_due() {
    let store = Memory::new();
    let batch = abandoned_batch(&store);
    store.fail_next("send_one", StoreError::Unavailable("down".into()));
    assert_eq!(swept(&store).await.batches_written, 1, "the rows exist and are due by themselves");
    let pending: Vec<_> = store.jobs().into_iter().filter(|job| job.status == JobStatus::Pending).collect();
    assert_eq!((pending.len(), store.sent().len()), (1, 2));
    assert_eq!(swept(&store).await, Swept { due: 1, jobs_sent: 1, ..Swept::default() });
    assert!(batch.job_ids().iter().all(|id| store.job(*id).unwrap().status == JobStatus::Queued));
}

#[tokio::test]
async fn jobs_of_a_day_old_batch_expire() {
    let store = Memory::new();
    let batch = testkit::batch(1, Timestamp::now() - 25 * HOUR);
    store.put_batch(&batch);
    assert_eq!(swept(&store).await.batches_written, 1);
    let job = store.job(batch.id.job(0)).unwrap();
    assert!(job.due_at <= Some(job.deadline.max(Timestamp::now() + Duration::from_secs(120))));
    store.put_job(&Job { due_at: Some(Timestamp::now()), ..job });
    assert_eq!(swept(&store).await.jobs_failed, 1);
}

#[tokio::test]
async fn unreadable_rows_are_postponed_and_hide_no_others() {
    let store = Memory::new();
    for _ in 0..250 {
        let job = old_job(2 * HOUR);
        store.put_job(&job);
        store.make_unreadable(job.id);
    }
    let mut healthy = old_job(HOUR);
    healthy.status = JobStatus::Pending;
    store.put_job(&healthy);
    assert_eq!(swept(&store).await, Swept { due: 250, unreadable: 250, ..Swept::default() });
    assert_eq!(swept(&store).await, Swept { due: 1, jobs_sent: 1, ..Swept::default() });
    let rows = store.jobs().into_iter().filter(|job| job.id != healthy.id);
    assert!(rows.into_iter().all(|job| job.revision == 1), "nothing else in them has changed");
}

#[tokio::test]
async fn every_kind_of_unreadable_row_is_postponed() {
    let store = Memory::new();
    let long_ago = Timestamp::now() - HOUR;
    let mut delivery = old_job(HOUR).delivery(WebhookEvent::Queued, long_ago).unwrap();
    delivery.revision = 1;
    store.put_delivery(&delivery);
    let batch = testkit::batch(2, long_ago);
    store.put_batch(&batch);
    store.make_unreadable(delivery.id);
    store.make_unreadable(batch.id);
    assert_eq!(swept(&store).await, Swept { due: 2, unreadable: 2, ..Swept::default() });
    assert_eq!(swept(&store).await, Swept::default());

    // One job of a batch cannot be read: the batch waits with it.
    let batch = testkit::batch(2, long_ago);
    store.put_batch(&batch);
    store.make_unreadable(batch.job_ids()[0]);
    assert_eq!(swept(&store).await.unreadable, 1);
    assert_eq!(swept(&store).await, Swept::default());
}
