//! Tasks that an earlier worker submitted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::standin::Server;

use super::*;

#[tokio::test]
async fn task_is_recovered_after_a_lost_answer() {
    for upscale in [false, true] {
        let server = standin::Midjourney::start().await;
        let provider = provider(&server, json!({"upscale": upscale}));
        // The proxy accepts it, but the answer is lost.
        server.next(Act::Spoil(Reply::html(502)));
        let mut job = Job::of(1);
        assert_eq!(job.fails(&provider).await, (ErrorClass::Provider, Reason::Overloaded, true));
        job.finish(&provider).await.unwrap();
        let paid = if upscale { 2 } else { 1 };
        assert_eq!((server.paid().len(), job.calls as usize, job.blues()[0].2), (paid, paid, BLUES[0]));
        assert_eq!(server.paid().iter().filter(|paid| paid.body["prompt"].is_string()).count(), 1);
    }
}

#[tokio::test]
async fn task_is_recovered_after_a_crash_in_a_second_attempt() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    server.next(Act::Answer(code(9, &Value::Null)));
    let mut job = Job::of(1);
    assert_eq!(job.fails(&provider).await, (ErrorClass::Provider, Reason::Failed, false));
    // Nothing is found, so a new task may be paid for. The proxy accepts it, and the worker crashes.
    job.step(&provider).await.unwrap();
    server.next(Act::Spoil(Reply::never()));
    let crashed = tokio::time::timeout(Duration::from_millis(500), job.step(&provider)).await;
    assert!(crashed.is_err(), "{crashed:?}");
    job.task.handle = job.kept.notes().pop();
    job.finish(&provider).await.unwrap();
    assert_eq!((server.paid().len(), job.calls, job.blues()[0].2), (1, 2, BLUES[0]));
}

#[tokio::test]
async fn tasks_of_another_job_are_not_used() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    Job::of(1).finish(&provider).await.unwrap();
    let mut other = Job::of(1);
    other.task.job = domain::JobId::new();
    other.task.attempt = 1;
    other.finish(&provider).await.unwrap();
    assert_eq!((server.paid().len(), other.calls), (2, 1));
}

#[tokio::test]
async fn proxy_without_a_list_allows_a_second_attempt() {
    // Relays have no list. Nothing can be found there, and a lost task is recorded as possibly paid.
    let relay =
        Server::start(
            |asked| {
                if asked.path.ends_with("/list") { Reply::html(404) } else { code(1, &json!("7")) }
            },
        )
        .await;
    let settings = json!({"baseUrl": relay.url()});
    let provider = Midjourney::new(serde_json::from_value(settings).unwrap()).unwrap();
    let mut job = Job::of(1);
    job.task.attempt = 1;
    job.step(&provider).await.unwrap();
    assert_eq!(job.calls, 0);
    job.step(&provider).await.unwrap();
    assert_eq!(job.calls, 1);
}

/// A proxy whose list ends with `more` after the job's own task, and the number of grids submitted to it.
async fn proxy_with_list(
    job: String,
    more: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> (Server, Arc<AtomicUsize>) {
    let submitted = Arc::<AtomicUsize>::default();
    let count = submitted.clone();
    let server = Server::start(move |asked| {
        if asked.path.ends_with("/list") {
            let own = json!({
                "id": "17", "action": "IMAGINE", "state": job, "status": "IN_PROGRESS", "submitTime": null,
            });
            return Reply::new(200, "application/json", [b"[", own.to_string().as_bytes(), &more()].concat());
        }
        count.fetch_add(1, Ordering::Relaxed);
        code(1, &json!("18"))
    })
    .await;
    (server, submitted)
}

#[tokio::test]
async fn task_is_found_in_a_long_list_and_without_submit_time() {
    let mut job = Job::of(1);
    job.task.attempt = 1;
    let more = || {
        let other = json!({"id": "1", "action": "IMAGINE", "state": "x", "prompt": "a dog ".repeat(500)});
        [format!(",{other}").repeat(8000).as_bytes(), b"]"].concat()
    };
    assert!(more().len() > 16 * 1024 * 1024);
    let (server, submitted) = proxy_with_list(job.task.job.to_string(), more).await;
    let settings = json!({"baseUrl": server.url()});
    let provider = Midjourney::new(serde_json::from_value(settings).unwrap()).unwrap();
    job.step(&provider).await.unwrap();
    assert!(job.task.handle.unwrap().contains("17"));
    assert_eq!(submitted.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn incomplete_list_prevents_paid_calls() {
    for end in [&b""[..], b", {\"id\": \"1\"", b"}"] {
        let mut job = Job::of(1);
        job.task.attempt = 1;
        let (server, submitted) = proxy_with_list(job.task.job.to_string(), move || end.to_vec()).await;
        let settings = json!({"baseUrl": server.url()});
        let provider = Midjourney::new(serde_json::from_value(settings).unwrap()).unwrap();
        for _ in 0..3 {
            assert_eq!(job.fails(&provider).await, (ErrorClass::Provider, Reason::BadResponse, false));
        }
        assert_eq!((submitted.load(Ordering::Relaxed), job.calls), (0, 0));
    }
}
