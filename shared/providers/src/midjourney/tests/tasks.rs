//! The states of submitted tasks, and a proxy that does not report them.

use super::*;

#[tokio::test]
async fn failed_tasks_are_classified_by_their_reason() {
    use ErrorClass as F;
    use Reason as R;
    for (status, why, expected) in [
        ("FAILURE", "[Banned prompt detected] a red kite", (F::Caller, R::Moderated, false)),
        ("FAILURE", "[Internal Server Error] a red kite", (F::Provider, R::Failed, true)),
        ("FAILED", "Failed to process your command", (F::Provider, R::Failed, true)),
        ("CANCEL", "任务超时", (F::Provider, R::Failed, true)),
        ("FAILURE", "[Subscription required]", (F::Operator, R::QuotaExhausted, false)),
    ] {
        let server = standin::Midjourney::start().await;
        server.steps(vec![json!({"status": status, "progress": "", "failReason": why})]);
        assert_eq!(Job::of(1).fails(&provider(&server, json!({}))).await, expected, "{why}");
    }
}

#[tokio::test]
async fn task_that_the_proxy_lost_is_paid_again_after_a_search() {
    for manner in [Manner::Novicezk, Manner::Trueai] {
        let server = standin::Midjourney::start().await;
        server.manner(manner);
        let provider = provider(&server, json!({}));
        let mut job = Job::of(1);
        job.step(&provider).await.unwrap();
        server.forget();
        for seconds in [0, 60] {
            assert!(matches!(job.step(&provider).await, Ok(Step::Pending { .. })), "{manner:?}");
            age_lost(&mut job, "grid", seconds);
        }
        age_lost(&mut job, "grid", 31);
        assert_eq!(job.fails(&provider).await, (ErrorClass::Provider, Reason::BadResponse, true));
        // The next attempt searches for it, finds nothing, and pays again.
        job.finish(&provider).await.unwrap();
        assert_eq!((server.paid().len(), job.calls, job.kept.images().len()), (2, 2, 1));
    }
}

/// Makes the first look at the task that is not known so many seconds older.
fn age_lost(job: &mut Job, kind: &str, seconds: i64) {
    let mut checkpoint: Value = serde_json::from_str(job.task.handle.as_deref().unwrap()).unwrap();
    let lost = checkpoint[kind]["lost"].as_i64().unwrap();
    checkpoint[kind]["lost"] = json!(lost - seconds * 1000);
    job.task.handle = Some(checkpoint.to_string());
}

#[tokio::test]
async fn task_that_the_proxy_does_not_know_for_a_while_is_bought_once() {
    for upscale in [false, true] {
        let server = standin::Midjourney::start().await;
        let provider = provider(&server, json!({"upscale": upscale}));
        let kind = if upscale { "upscales" } else { "grid" };
        let mut job = Job::of(2);
        // With its tasks submitted.
        while !job.task.handle.as_deref().unwrap_or_default().contains(kind) {
            job.step(&provider).await.unwrap();
        }
        if upscale {
            job.step(&provider).await.unwrap();
        }
        for reply in [Reply::html(404), Reply::new(200, "application/json", "null")] {
            server.next_fetch(reply);
            assert!(matches!(job.step(&provider).await, Ok(Step::Pending { .. })), "{kind}");
        }
        age_lost(&mut job, kind, 60);
        job.finish(&provider).await.unwrap();
        assert_eq!((server.paid().len(), job.kept.images().len()), (if upscale { 3 } else { 1 }, 2));
    }
}

#[tokio::test]
async fn task_that_is_known_again_begins_a_new_time_when_it_is_lost() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    let mut job = Job::of(1);
    job.step(&provider).await.unwrap();
    server.next_fetch(Reply::html(404));
    job.step(&provider).await.unwrap();
    age_lost(&mut job, "grid", 3600);
    server.next_fetch(Reply::json(200, &json!({"status": "IN_PROGRESS"})));
    job.step(&provider).await.unwrap();
    server.next_fetch(Reply::html(404));
    assert!(matches!(job.step(&provider).await, Ok(Step::Pending { .. })));
}

#[tokio::test]
async fn odd_text_in_a_task_does_not_spoil_the_look() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    let mut job = Job::of(1);
    job.step(&provider).await.unwrap();
    let running =
        r#"{"status":"IN_PROGRESS","progress":"42%","promptEn":"x\ud83d","seed":NaN,"state":1,"state":2}"#;
    server.next_fetch(Reply::new(200, "application/json", running));
    job.step(&provider).await.unwrap();
    assert_eq!(job.kept.progress(), [42]);
    job.finish(&provider).await.unwrap();
    assert_eq!(server.paid().len(), 1);
}

#[tokio::test]
async fn proxy_without_answer_loses_no_task() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    let mut job = Job::of(1);
    job.step(&provider).await.unwrap();
    for reply in [
        Reply::html(502),
        Reply::html(200),
        Reply::new(200, "application/json", "{\"status\":\"SUCC").cut(),
        Reply::json(500, &json!({})),
        Reply::json(200, &json!([])),
        Reply::new(401, "text/plain", ""),
        Reply::json(200, &json!({"status": "MODAL"})),
    ] {
        server.next_fetch(reply.clone());
        assert!(matches!(job.step(&provider).await, Ok(Step::Pending { .. })), "{reply:?}");
    }
    job.finish(&provider).await.unwrap();
    assert_eq!((server.paid().len(), job.calls, job.kept.images().len()), (1, 1, 1));
}

#[tokio::test]
async fn hanging_proxy_ends_the_step_before_the_deadline() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    let mut job = Job::of(1);
    job.step(&provider).await.unwrap();
    server.next_fetch(Reply::never());
    job.task.deadline = Timestamp::now() + Duration::from_millis(2500);
    let step = tokio::time::timeout(Duration::from_secs(2), job.step(&provider)).await.unwrap();
    assert!(matches!(step, Ok(Step::Pending { .. })));
}

#[tokio::test]
async fn timed_out_task_is_recovered_once_it_is_finished() {
    let server = standin::Midjourney::start().await;
    server.steps(vec![json!({"status": "MODAL"})]);
    let provider = provider(&server, json!({"timeoutSeconds": 1}));
    let mut job = Job::of(1);
    job.step(&provider).await.unwrap();
    job.step(&provider).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(job.fails(&provider).await, (ErrorClass::Provider, Reason::Timeout, true));

    // It is still running, and is not awaited a second time.
    server.age(60_000);
    server.steps(standin::steps());
    job.finish(&provider).await.unwrap();
    assert_eq!((server.paid().len(), job.calls), (2, 2));

    // A task that has finished by the next search is used.
    let mut late = Job::of(2);
    late.task.attempt = 1;
    job.kept = Kept::default();
    late.finish(&provider).await.unwrap();
    assert_eq!((server.paid().len(), late.calls, late.kept.images().len()), (2, 0, 2));
}

#[tokio::test]
async fn proxy_that_denies_access_to_a_task_raises_the_alarm() {
    let logs = Logs::begin();
    let alarms = || logs.with("alarm", "provider_account");
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    let mut job = Job::of(1);
    job.step(&provider).await.unwrap();
    server.next_fetch(Reply::html(502));
    job.step(&provider).await.unwrap();
    assert_eq!(alarms(), Vec::<Value>::new());
    for status in [401, 402, 403] {
        server.next_fetch(Reply::new(status, "text/plain", ""));
        assert!(matches!(job.step(&provider).await, Ok(Step::Pending { .. })));
    }
    assert_eq!(alarms().len(), 3, "{:?}", alarms());
    job.finish(&provider).await.unwrap();
    assert_eq!(server.paid().len(), 1);
}
