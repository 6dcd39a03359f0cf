//! Images that Midjourney upscales.

use super::*;

#[tokio::test]
async fn each_upscale_is_a_paid_call() {
    for manner in [Manner::Novicezk, Manner::Trueai] {
        let server = standin::Midjourney::start().await;
        server.manner(manner);
        let provider = provider(&server, json!({"upscale": true, "pricePerJob": 0.01}));
        let mut job = Job::of(2);
        job.finish(&provider).await.unwrap();
        // Larger than requested: the worker resamples them.
        let expected = [(0, (1024, 1024), BLUES[0]), (1, (1024, 1024), BLUES[1])];
        assert_eq!(job.blues(), expected);
        assert_eq!((server.paid().len(), job.calls), (3, 3));
        let cost: u64 = job.kept.images().iter().map(|(_, image)| image.origin.cost_micros).sum();
        assert_eq!(cost, 30_000);
        assert_eq!(server.refusals(), Vec::<String>::new());

        // All four images are cut from the grid: one paid call.
        let mut job = Job::of(4);
        job.finish(&provider).await.unwrap();
        assert_eq!((server.paid().len(), job.calls, job.kept.images().len()), (4, 1, 4));
    }
}

#[tokio::test]
async fn upscale_with_a_lost_answer_is_paid_once() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({"upscale": true}));
    let mut job = Job::of(1);
    while !job.task.handle.as_deref().unwrap_or_default().contains("upscales") {
        job.step(&provider).await.unwrap();
    }
    // The queue is full; then the proxy accepts the task, but its answer is lost; then it answers 21
    // (exists).
    server.next(Act::Answer(code(23, &Value::Null)));
    server.next(Act::Spoil(code(1, &json!("1")).cut()));
    job.finish(&provider).await.unwrap();
    assert_eq!(server.paid().len(), 2);
    assert_eq!(job.blues()[0].2, BLUES[0]);
}

#[tokio::test]
async fn upscale_of_a_lost_grid_fails() {
    for manner in [Manner::Novicezk, Manner::Trueai] {
        let server = standin::Midjourney::start().await;
        server.manner(manner);
        let provider = provider(&server, json!({"upscale": true}));
        let mut job = Job::of(1);
        while !job.task.handle.as_deref().unwrap_or_default().contains("upscales") {
            job.step(&provider).await.unwrap();
        }
        server.forget();
        assert_eq!(job.fails(&provider).await, (ErrorClass::Provider, Reason::Failed, false), "{manner:?}");
    }
}
