//! What a worker does with one message, in every state that a row can be in.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use domain::images::{Count, ImageFormat, ImageOrigin, ImageStore as _, ProviderChoice, Size};
use domain::jobs::{FailureReason, JobMessage, JobPolicy, WebhookEvent};
use domain::primitives::{Lease, LeaseId, sha256_hex};
use domain::store::StoreError;
use domain::{Error, Job, JobStatus, Timestamp};
use image_worker::{Deps, handle};
use providers::CurrentRegistry;
use testkit::{Memory, Sent};

const MARGIN: Duration = Duration::from_secs(30);

async fn work(store: &Memory, job: &Job) -> Result<(), Error> {
    let deps = Deps {
        jobs: store,
        queue: store,
        images: store,
        providers: &CurrentRegistry::new(store),
        capacity: store,
        estimates: store,
        provider_statuses: store,
        policy: JobPolicy::default(),
        lease_margin: MARGIN,
    };
    handle(&deps, JobMessage::about(job), Timestamp::now() + Duration::from_secs(60)).await
}

fn accepted(store: &Memory, prompt: &str, change: impl FnOnce(&mut Job)) -> Job {
    let mut job = testkit::job(prompt, Timestamp::now());
    change(&mut job);
    store.put_job(&job);
    job
}

fn events(store: &Memory) -> Vec<WebhookEvent> {
    store.deliveries().into_iter().map(|delivery| delivery.event).collect()
}

#[tokio::test]
async fn a_job_ends_with_every_image_and_thumbnail_named_in_its_row() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |job| job.picture.count = Count::try_from(3).unwrap());
    work(&store, &job).await.unwrap();

    let job = store.job(job.id).unwrap();
    let result = job.result.clone().unwrap();
    assert_eq!((job.status, job.attempts, job.due_at), (JobStatus::Completed, 1, None));
    assert_eq!(result.images.iter().map(|image| image.index).collect::<Vec<_>>(), [0, 1, 2]);
    let mut named: Vec<_> =
        result.images.iter().flat_map(|image| [image.key.clone(), image.thumbnail_key.clone()]).collect();
    named.sort();
    assert_eq!(named, store.object_keys());
    assert_eq!(events(&store), [WebhookEvent::Started, WebhookEvent::Completed]);
    for image in &result.images {
        let object = store.get(&image.key).await.unwrap().unwrap();
        assert_eq!((image.width, image.height, image.format), (256, 256, ImageFormat::Png));
        assert_eq!(image.sha256, sha256_hex(&object.bytes));
        assert_eq!(image.size_bytes, object.bytes.len() as u64);
        assert_eq!((image.origin.provider.as_str(), image.origin.model.as_str()), ("sandbox", "sandbox-1"));
    }
    let hashes: std::collections::BTreeSet<_> = result.images.iter().map(|image| &image.sha256).collect();
    assert_eq!(hashes.len(), 3, "three different pictures");
    assert_eq!(result.cost_micros, 0);
}

#[tokio::test]
async fn the_same_message_again_changes_nothing() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |_| {});
    work(&store, &job).await.unwrap();
    let (before, objects) = (store.job(job.id), store.object_keys());
    for _ in 0..2 {
        work(&store, &job).await.unwrap();
    }
    assert_eq!((store.job(job.id), store.object_keys()), (before, objects));
    assert_eq!(store.deliveries().len(), 2);
}

#[tokio::test]
async fn a_job_under_a_live_lease_is_left_to_its_worker() {
    let store = Memory::new();
    let now = Timestamp::now();
    let job = accepted(&store, "a kite", |job| {
        job.start(Lease { id: LeaseId::new(), until: now + MARGIN }, now).unwrap();
    });
    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id), Some(job));
}

/// The image that a dead worker stored: recognisable, for the sandbox would draw another one.
async fn leave_behind(store: &Memory, job: &Job, index: u8, bytes: Vec<u8>) {
    let origin =
        ImageOrigin { provider: "dead".into(), model: "m".into(), cost_micros: 7, ..Default::default() };
    let key = format!("images/{}/{index}.png", job.storage_prefix);
    store.put(&key, bytes.into(), ImageFormat::Png, Some(&origin)).await.unwrap();
}

fn crashed(job: &mut Job) {
    let begun = Timestamp::now() - MARGIN;
    job.start(Lease { id: LeaseId::new(), until: begun }, begun).unwrap();
    job.begin_attempt("dead", 1, begun);
}

#[tokio::test]
async fn what_a_dead_worker_has_paid_for_is_not_paid_for_again() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |job| {
        job.picture.count = Count::try_from(2).unwrap();
        crashed(job);
    });
    leave_behind(&store, &job, 1, testkit::an_image(256, 256)).await;
    work(&store, &job).await.unwrap();

    let job = store.job(job.id).unwrap();
    let result = job.result.unwrap();
    assert_eq!((job.status, job.attempts, job.failures), (JobStatus::Completed, 2, 1));
    let providers: Vec<_> = result.images.iter().map(|image| image.origin.provider.as_str()).collect();
    assert_eq!(providers, ["sandbox", "dead"]);
    assert_eq!(result.cost_micros, 7);
    assert!(job.due_at.is_some(), "the sweeper looks for what the dead worker left");
}

#[tokio::test]
async fn with_every_image_there_no_provider_is_asked() {
    let store = Memory::new();
    let job = accepted(&store, "[[fail:forever]] a kite", crashed);
    leave_behind(&store, &job, 0, testkit::an_image(256, 256)).await;
    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Completed);
    assert!(!store.calls().contains(&"read"), "not even the providers document was read");
}

#[tokio::test]
async fn a_left_behind_image_that_is_none_is_made_anew() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", crashed);
    leave_behind(&store, &job, 0, b"half an ima".to_vec()).await;
    work(&store, &job).await.unwrap();
    let result = store.job(job.id).unwrap().result.unwrap();
    assert_eq!(result.images[0].origin.provider, "sandbox");
}

#[tokio::test]
async fn a_passing_failure_waits_its_turn_on_row_and_queue() {
    let store = Memory::new();
    let job = accepted(&store, "[[fail:1]] a kite", |_| {});
    work(&store, &job).await.unwrap();
    let waiting = store.job(job.id).unwrap();
    assert_eq!((waiting.status, waiting.failures, waiting.lease), (JobStatus::Processing, 1, None));
    assert!(waiting.due_at > waiting.not_before);
    assert!(matches!(store.sent()[..], [Sent::Job(_, _, delay)] if delay <= Duration::from_millis(2400)));

    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id).as_ref(), Some(&waiting), "a message that comes early changes nothing");

    store.put_job(&Job { not_before: None, ..waiting });
    work(&store, &job).await.unwrap();
    let done = store.job(job.id).unwrap();
    assert_eq!((done.status, done.attempts), (JobStatus::Completed, 2));
    assert_eq!(events(&store), [WebhookEvent::Started, WebhookEvent::Completed]);
}

#[tokio::test]
async fn a_job_that_fails_too_often_ends() {
    let store = Memory::new();
    let job = accepted(&store, "[[fail:forever]] a kite", |job| job.failures = 4);
    work(&store, &job).await.unwrap();
    let job = store.job(job.id).unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    let error = job.error.unwrap();
    assert_eq!((error.reason, error.retryable), (FailureReason::AttemptsExhausted, true));
    assert_eq!(events(&store), [WebhookEvent::Started, WebhookEvent::Failed]);
}

#[tokio::test]
async fn what_the_last_try_has_stored_is_not_thrown_away() {
    for change in [(|job| job.failures = 4) as fn(&mut Job), |job| job.deadline = Timestamp::now()] {
        let store = Memory::new();
        let job = accepted(&store, "a kite", |job| {
            crashed(job);
            change(job);
        });
        leave_behind(&store, &job, 0, testkit::an_image(256, 256)).await;
        work(&store, &job).await.unwrap();
        let job = store.job(job.id).unwrap();
        assert_eq!(job.status, JobStatus::Completed);
        assert_eq!(job.result.unwrap().images[0].origin.provider, "dead");
        assert!(!store.calls().contains(&"read"), "no provider was asked");
    }
}

#[tokio::test]
async fn a_salvage_that_cannot_look_into_the_store_leaves_it_to_the_next() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |job| {
        crashed(job);
        job.failures = 4;
    });
    leave_behind(&store, &job, 0, testkit::an_image(256, 256)).await;
    store.fail_next("list", StoreError::Unavailable("down".into()));
    assert!(work(&store, &job).await.is_err());
    let mut waiting = store.job(job.id).unwrap();
    assert_eq!(waiting.status, JobStatus::Processing);

    waiting.lease = waiting.lease.map(|lease| Lease { until: Timestamp::now(), ..lease });
    store.put_job(&waiting);
    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Completed);
}

#[tokio::test]
async fn an_end_that_cannot_be_written_or_read_is_written_later() {
    let down = || StoreError::Unavailable("down".into());
    let store = Memory::new();
    let job = accepted(&store, "[[slow:0.5]] a kite", |_| {});
    let outage = async {
        tokio::time::sleep(Duration::from_millis(250)).await;
        for _ in 0..3 {
            store.fail_next("save", down());
        }
        store.fail_next("save", StoreError::Conflict);
        store.fail_next("load", down());
    };
    let (worked, ()) = tokio::join!(work(&store, &job), outage);
    worked.unwrap();
    let job = store.job(job.id).unwrap();
    assert_eq!((job.status, job.attempts), (JobStatus::Completed, 1));
    assert_eq!(events(&store), [WebhookEvent::Started, WebhookEvent::Completed]);
}

#[tokio::test]
async fn an_outage_of_ours_is_no_failure_of_the_jobs() {
    let down = || StoreError::Unavailable("down".into());
    for (call, change) in
        [("read", (|_| {}) as fn(&mut Job)), ("list", |job| job.begin_attempt("dead", 1, Timestamp::now()))]
    {
        let store = Memory::new();
        let job = accepted(&store, "a kite", change);
        store.fail_next(call, down());
        work(&store, &job).await.unwrap();
        let job = store.job(job.id).unwrap();
        assert_eq!((job.status, job.failures, job.lease), (JobStatus::Processing, 0, None), "{call}");
        assert_eq!(store.sent().len(), 1, "{call}");
    }
}

#[tokio::test]
async fn an_image_that_comes_at_the_last_moment_is_stored() {
    let store = Memory::new();
    let job = accepted(&store, "[[slow:0.4]] a kite", |_| {});
    // The provider is cut off while the store still fails: the image is kept all the same.
    for _ in 0..3 {
        store.fail_next("put", StoreError::Unavailable("down".into()));
    }
    let deps = Deps {
        jobs: &store,
        queue: &store,
        images: &store,
        providers: &CurrentRegistry::new(&store),
        capacity: &store,
        estimates: &store,
        provider_statuses: &store,
        policy: JobPolicy::default(),
        lease_margin: MARGIN,
    };
    let deadline = Timestamp::now() + Duration::from_millis(1800);
    handle(&deps, JobMessage::about(&job), deadline).await.unwrap();
    assert!(store.object_keys().iter().any(|key| key.ends_with("/0.png")), "{:?}", store.object_keys());
}

#[tokio::test]
async fn a_worker_that_keeps_dying_ends_its_job() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |job| {
        crashed(job);
        job.failures = 4;
    });
    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Failed);
}

#[tokio::test]
async fn a_refusal_ends_the_job_at_once_and_says_why() {
    let store = Memory::new();
    let job = accepted(&store, "[[refuse]] a kite", |_| {});
    work(&store, &job).await.unwrap();
    let job = store.job(job.id).unwrap();
    let error = job.error.unwrap();
    assert_eq!(
        (job.status, error.reason, error.retryable),
        (JobStatus::Failed, FailureReason::Refused, false)
    );
    assert!(!error.warnings.is_empty());
    assert!(store.sent().is_empty());
}

#[tokio::test]
async fn waiting_for_room_or_for_the_operator_is_no_failure() {
    for prompt in ["[[limit:5]] a kite", "[[fail:operator]] a kite"] {
        let store = Memory::new();
        let job = accepted(&store, prompt, |_| {});
        work(&store, &job).await.unwrap();
        let job = store.job(job.id).unwrap();
        assert_eq!((job.status, job.failures), (JobStatus::Processing, 0), "{prompt}");
        assert!(job.not_before.is_some());
    }
}

#[tokio::test]
async fn a_provider_that_is_not_enabled_is_not_replaced_by_another() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |job| job.picture.provider = ProviderChoice::Dalle3);
    work(&store, &job).await.unwrap();
    let error = store.job(job.id).unwrap().error.unwrap();
    assert!(error.message.contains("dalle3"), "{}", error.message);
}

#[tokio::test]
async fn a_job_past_its_deadline_is_not_begun() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |job| job.deadline = Timestamp::now());
    work(&store, &job).await.unwrap();
    let error = store.job(job.id).unwrap().error.unwrap();
    assert_eq!(error.reason, FailureReason::DeadlineExceeded);
}

#[tokio::test]
async fn stores_that_fail_in_passing_lose_nothing() {
    let store = Memory::new();
    let down = || StoreError::Unavailable("down".into());
    let job = accepted(&store, "a kite", |_| {});
    // The image twice, then the lease is written already: the first `save` after it is the end.
    store.fail_next("put", down());
    store.fail_next("put", down());
    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Completed);

    let job = accepted(&store, "a kite", |_| {});
    store.fail_next("load", down());
    assert!(work(&store, &job).await.is_err(), "the message must come again");
    assert_eq!(store.job(job.id).unwrap().attempts, 0);
}

#[tokio::test]
async fn whoever_loses_the_race_for_the_lease_reads_again_and_obeys() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |_| {});
    store.fail_next("save", StoreError::Conflict);
    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Completed);
}

#[tokio::test]
async fn every_size_comes_out_as_asked_for() {
    use domain::primitives::NamedValue as _;
    for size in Size::ALL {
        let store = Memory::new();
        let job = accepted(&store, "a kite", |job| job.picture.size = *size);
        work(&store, &job).await.unwrap();
        let image = store.job(job.id).unwrap().result.unwrap().images.remove(0);
        assert_eq!((image.width, image.height), size.pixels());
    }
}

#[tokio::test]
async fn a_job_that_was_ended_meanwhile_stays_as_it_is() {
    let store = Memory::new();
    let job = accepted(&store, "[[slow:3]] a kite", |_| {});
    let ended = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut job = store.job(job.id).unwrap();
        let error = job.deadline_error();
        job.fail(error, Timestamp::now()).unwrap();
        job.revision += 1;
        store.put_job(&job);
        job
    };
    let (worked, ended) = tokio::join!(work(&store, &job), ended);
    worked.unwrap();
    assert_eq!(store.job(job.id), Some(ended));
    assert_eq!(events(&store), [WebhookEvent::Started]);
}

#[tokio::test]
async fn a_message_about_nothing_is_forgotten() {
    let store = Memory::new();
    let job = testkit::job("p", Timestamp::now());
    work(&store, &job).await.unwrap();
    assert!(store.object_keys().is_empty());
}

#[tokio::test]
async fn a_left_behind_image_of_another_size_is_made_to_fit() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", crashed);
    leave_behind(&store, &job, 0, testkit::an_image(700, 300)).await;
    work(&store, &job).await.unwrap();
    let image = store.job(job.id).unwrap().result.unwrap().images.remove(0);
    let object = store.get(&image.key).await.unwrap().unwrap();
    assert_eq!((image.origin.provider.as_str(), image.width, image.height), ("dead", 256, 256));
    assert_eq!(image.sha256, sha256_hex(&object.bytes));
    let stored = pictures::decode::decode(&object.bytes).unwrap();
    assert_eq!((stored.width, stored.height), (256, 256));
}
