//! What a worker does with one message, for every state of the row.

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
async fn completed_job_names_every_image_and_thumbnail() {
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
    assert_eq!(hashes.len(), 3, "three different images");
    assert_eq!(result.cost_micros, 0);
}

#[tokio::test]
async fn duplicate_message_changes_nothing() {
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
async fn leased_job_is_not_started() {
    let store = Memory::new();
    let now = Timestamp::now();
    let job = accepted(&store, "a kite", |job| {
        job.start(Lease { id: LeaseId::new(), until: now + MARGIN }, now).unwrap();
    });
    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id), Some(job));
}

/// Stores an image as a dead worker would. Its provider `dead` distinguishes it from an image of the
/// sandbox.
async fn store_as_dead_worker(store: &Memory, job: &Job, index: u8, bytes: Vec<u8>) {
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
async fn stored_images_of_dead_worker_are_not_paid_again() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |job| {
        job.picture.count = Count::try_from(2).unwrap();
        crashed(job);
    });
    store_as_dead_worker(&store, &job, 1, testkit::an_image(256, 256)).await;
    work(&store, &job).await.unwrap();

    let job = store.job(job.id).unwrap();
    let result = job.result.unwrap();
    assert_eq!((job.status, job.attempts, job.failures), (JobStatus::Completed, 2, 1));
    let providers: Vec<_> = result.images.iter().map(|image| image.origin.provider.as_str()).collect();
    assert_eq!(providers, ["sandbox", "dead"]);
    assert_eq!(result.cost_micros, 7);
    assert!(job.due_at.is_some(), "the sweeper looks for orphaned images of the dead worker");
}

#[tokio::test]
async fn job_with_every_image_stored_calls_no_provider() {
    let store = Memory::new();
    let job = accepted(&store, "[[fail:forever]] a kite", crashed);
    store_as_dead_worker(&store, &job, 0, testkit::an_image(256, 256)).await;
    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Completed);
    assert!(!store.calls().contains(&"read"), "not even the providers document was read");
}

#[tokio::test]
async fn unusable_stored_image_is_generated_again() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", crashed);
    store_as_dead_worker(&store, &job, 0, b"half an ima".to_vec()).await;
    work(&store, &job).await.unwrap();
    let result = store.job(job.id).unwrap().result.unwrap();
    assert_eq!(result.images[0].origin.provider, "sandbox");
}

#[tokio::test]
async fn transient_error_delays_row_and_message() {
    let store = Memory::new();
    let job = accepted(&store, "[[fail:1]] a kite", |_| {});
    work(&store, &job).await.unwrap();
    let waiting = store.job(job.id).unwrap();
    assert_eq!((waiting.status, waiting.failures, waiting.lease), (JobStatus::Processing, 1, None));
    assert!(waiting.due_at > waiting.not_before);
    assert!(matches!(store.sent()[..], [Sent::Job(_, _, delay)] if delay <= Duration::from_millis(2400)));

    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id).as_ref(), Some(&waiting), "an early message changes nothing");

    store.put_job(&Job { not_before: None, ..waiting });
    work(&store, &job).await.unwrap();
    let done = store.job(job.id).unwrap();
    assert_eq!((done.status, done.attempts), (JobStatus::Completed, 2));
    assert_eq!(events(&store), [WebhookEvent::Started, WebhookEvent::Completed]);
}

#[tokio::test]
async fn job_at_max_failures_fails() {
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
async fn recovery_completes_with_stored_images() {
    for change in [(|job| job.failures = 4) as fn(&mut Job), |job| job.deadline = Timestamp::now()] {
        let store = Memory::new();
        let job = accepted(&store, "a kite", |job| {
            crashed(job);
            change(job);
        });
        store_as_dead_worker(&store, &job, 0, testkit::an_image(256, 256)).await;
        work(&store, &job).await.unwrap();
        let job = store.job(job.id).unwrap();
        assert_eq!(job.status, JobStatus::Completed);
        assert_eq!(job.result.unwrap().images[0].origin.provider, "dead");
        assert!(!store.calls().contains(&"read"), "no provider was asked");
    }
}

#[tokio::test]
async fn recovery_without_image_store_leaves_job_to_next_worker() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |job| {
        crashed(job);
        job.failures = 4;
    });
    store_as_dead_worker(&store, &job, 0, testkit::an_image(256, 256)).await;
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
async fn final_write_is_retried_until_the_store_answers() {
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
async fn internal_error_does_not_count_as_failure() {
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
async fn image_arriving_before_cut_off_is_stored() {
    let store = Memory::new();
    let job = accepted(&store, "[[slow:0.4]] a kite", |_| {});
    // The provider is cut off while the store still fails; the image is stored nevertheless.
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
async fn job_whose_workers_keep_dying_fails() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |job| {
        crashed(job);
        job.failures = 4;
    });
    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Failed);
}

#[tokio::test]
async fn refusal_fails_the_job_with_its_warnings() {
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
async fn capacity_and_operator_errors_count_no_failure() {
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
async fn disabled_provider_is_not_replaced() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |job| job.picture.provider = ProviderChoice::Dalle3);
    work(&store, &job).await.unwrap();
    let error = store.job(job.id).unwrap().error.unwrap();
    assert!(error.message.contains("dalle3"), "{}", error.message);
}

#[tokio::test]
async fn job_past_its_deadline_is_not_started() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |job| job.deadline = Timestamp::now());
    work(&store, &job).await.unwrap();
    let error = store.job(job.id).unwrap().error.unwrap();
    assert_eq!(error.reason, FailureReason::DeadlineExceeded);
}

#[tokio::test]
async fn transient_store_errors_lose_nothing() {
    let store = Memory::new();
    let down = || StoreError::Unavailable("down".into());
    let job = accepted(&store, "a kite", |_| {});
    // Storing the image fails twice and is repeated.
    store.fail_next("put", down());
    store.fail_next("put", down());
    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Completed);

    let job = accepted(&store, "a kite", |_| {});
    store.fail_next("load", down());
    assert!(work(&store, &job).await.is_err(), "the message must be received again");
    assert_eq!(store.job(job.id).unwrap().attempts, 0);
}

#[tokio::test]
async fn conflict_on_start_reads_the_row_again() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", |_| {});
    store.fail_next("save", StoreError::Conflict);
    work(&store, &job).await.unwrap();
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Completed);
}

#[tokio::test]
async fn every_size_is_generated_as_requested() {
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
async fn job_ended_during_a_run_stays_unchanged() {
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
async fn message_about_missing_job_does_nothing() {
    let store = Memory::new();
    let job = testkit::job("p", Timestamp::now());
    work(&store, &job).await.unwrap();
    assert!(store.object_keys().is_empty());
}

#[tokio::test]
async fn stored_image_of_another_size_is_resized() {
    let store = Memory::new();
    let job = accepted(&store, "a kite", crashed);
    store_as_dead_worker(&store, &job, 0, testkit::an_image(700, 300)).await;
    work(&store, &job).await.unwrap();
    let image = store.job(job.id).unwrap().result.unwrap().images.remove(0);
    let object = store.get(&image.key).await.unwrap().unwrap();
    assert_eq!((image.origin.provider.as_str(), image.width, image.height), ("dead", 256, 256));
    assert_eq!(image.sha256, sha256_hex(&object.bytes));
    let stored = pictures::decode::decode(&object.bytes).unwrap();
    assert_eq!((stored.width, stored.height), (256, 256));
}
