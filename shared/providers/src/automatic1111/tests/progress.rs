//! Progress and interruptions.

use super::*;

#[tokio::test]
async fn progress_of_our_work_is_reported() {
    let standin = server().await;
    standin.take(Duration::from_secs(5));
    let (task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
    provider(&standin, json!({})).generate(&task, &kept).await.unwrap();
    let progress = kept.progress();
    assert!(progress.len() >= 2, "{progress:?}");
    assert!(progress.is_sorted() && progress[0] > 20 && progress[1] < 100, "{progress:?}");
    assert_eq!(standin.interrupts(), 0);
}

#[tokio::test]
async fn progress_of_other_work_is_not_reported() {
    for steps in [25, 30] {
        let standin = server().await;
        standin.work_for_another(steps, 1, Duration::from_secs(3));
        standin.take(Duration::from_millis(100));
        let (task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
        provider(&standin, json!({})).generate(&task, &kept).await.unwrap();
        assert!(kept.progress().is_empty(), "the server was busy before");
        assert_eq!(kept.images().len(), 1);
    }
}

#[tokio::test]
async fn incomplete_progress_is_not_reported() {
    let replies = [
        Reply::json(200, &json!({})),
        Reply::json(200, &json!({"progress": 0, "state": {}})),
        Reply::json(200, &json!({"progress": "x", "state": 5})),
        Reply::html(200),
        without_api(),
    ];
    let runs = replies.map(|reply| async move {
        let standin = server().await;
        standin.tell_progress(reply);
        standin.take(Duration::from_millis(2500));
        let (task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
        provider(&standin, json!({})).generate(&task, &kept).await.unwrap();
        assert_eq!((kept.progress().len(), kept.images().len()), (0, 1));
    });
    futures_util::future::join_all(runs).await;
}

#[tokio::test]
async fn timed_out_work_is_interrupted() {
    let standin = server().await;
    standin.take(Duration::from_secs(30));
    let (mut task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
    task.deadline = Timestamp::now() + Duration::from_secs(4);
    let started = Instant::now();
    let error = provider(&standin, json!({})).generate(&task, &kept).await.unwrap_err();
    assert_eq!((error.class, error.reason), (ErrorClass::Provider, Reason::Timeout));
    assert!(error.possibly_paid);
    assert_eq!(standin.interrupts(), 1);
    assert!(started.elapsed() < Duration::from_secs(4), "all of it before the deadline");
}

#[tokio::test]
async fn other_work_is_not_interrupted() {
    let standin = server().await;
    standin.work_for_another(25, 1, Duration::from_secs(30));
    let (mut task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
    task.deadline = Timestamp::now() + Duration::from_secs(3);
    let error = provider(&standin, json!({})).generate(&task, &kept).await.unwrap_err();
    assert_eq!(error.reason, Reason::Timeout);
    assert_eq!(standin.interrupts(), 0);
}

/// The sink of a cancelled job: it stops the provider when progress is reported.
struct Cancelled;

#[tokio::test]
async fn cancelled_job_is_interrupted() {
    let standin = server().await;
    standin.take(Duration::from_secs(30));
    let task = image_task(picture(Size::S1024, 1));
    let error = provider(&standin, json!({})).generate(&task, &Cancelled).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Internal);
    assert_eq!(standin.interrupts(), 1);
}

#[tokio::test]
async fn image_interrupted_by_another_client_is_not_delivered() {
    let standin = server().await;
    standin.take(Duration::from_secs(3));
    let (task, kept) = (image_task(picture(Size::S1024, 1)), Kept::default());
    let provider = provider(&standin, json!({}));
    let interruption = async {
        tokio::time::sleep(Duration::from_millis(1000)).await;
        standin.interrupt_by_hand();
    };
    let (outcome, ()) = tokio::join!(provider.generate(&task, &kept), interruption);
    let error = outcome.unwrap_err();
    assert_eq!((error.class, error.reason), (ErrorClass::Provider, Reason::Failed));
    assert!(kept.images().is_empty());
}

#[async_trait]
impl ImageSink for Cancelled {
    async fn image(&self, _: u8, _: GeneratedImage) -> Result<(), Stop> {
        Err(Stop)
    }

    async fn progress(&self, _: u8) -> Result<(), Stop> {
        Err(Stop)
    }

    async fn checkpoint(&self, _: &str) -> Result<(), Stop> {
        Err(Stop)
    }

    async fn more_calls(&self, _: u32, _: bool) -> Result<(), Stop> {
        Err(Stop)
    }
}
