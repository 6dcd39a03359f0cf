//! The proxy's answers to submissions.

use super::*;

#[tokio::test]
async fn submission_codes_are_classified() {
    use ErrorClass as F;
    use Reason as R;
    let id = json!("1730000000000123");
    for (reply, expected) in [
        (code(3, &Value::Null), (F::Operator, R::Permission, false)),
        (code(4, &Value::Null), (F::Caller, R::InvalidRequest, false)),
        (code(5, &Value::Null), (F::Provider, R::BadResponse, true)),
        (code(9, &Value::Null), (F::Provider, R::Failed, false)),
        (code(23, &Value::Null), (F::Capacity, R::Overloaded, false)),
        (code(23, &id), (F::Capacity, R::Overloaded, false)),
        (code(24, &Value::Null), (F::Caller, R::Moderated, false)),
        (code(99, &id), (F::Provider, R::BadResponse, true)),
        (code(1, &Value::Null), (F::Provider, R::BadResponse, true)),
        (code(1, &json!("../../canary")), (F::Provider, R::BadResponse, true)),
        (Reply::json(404, &json!({"code": 3, "result": null})), (F::Operator, R::Permission, false)),
        (Reply::html(404), (F::Operator, R::InvalidRequest, false)),
        (Reply::new(401, "text/plain", ""), (F::Operator, R::Auth, false)),
        (Reply::new(403, "text/plain", "Forbidden"), (F::Operator, R::Auth, false)),
        (
            Reply::json(429, &json!({"code": 5})).header("retry-after", "7"),
            (F::Capacity, R::RateLimited, false),
        ),
        (Reply::json(400, &json!({"code": 5})), (F::Operator, R::InvalidRequest, false)),
        (Reply::html(500), (F::Provider, R::Failed, true)),
        (Reply::html(502), (F::Provider, R::Overloaded, true)),
        (Reply::html(503), (F::Provider, R::Overloaded, true)),
        (Reply::html(200), (F::Provider, R::BadResponse, true)),
        (Reply::new(200, "application/json", ""), (F::Provider, R::BadResponse, true)),
        (Reply::new(200, "application/json", "{\"code\":1,\"resu"), (F::Provider, R::BadResponse, true)),
        (code(1, &id).cut(), (F::Provider, R::BadResponse, true)),
    ] {
        let server = standin::Midjourney::start().await;
        server.next(Act::Answer(reply.clone()));
        let mut job = Job::of(1);
        assert_eq!(job.fails(&provider(&server, json!({}))).await, expected, "{reply:?}");
        assert_eq!(job.kept.notes(), Vec::<String>::new());
    }
    for accepted in [code(22, &id), code(21, &id), code(1, &json!(1_730_000_000_000_123_u64))] {
        let server = standin::Midjourney::start().await;
        server.next(Act::Answer(accepted));
        let mut job = Job::of(1);
        let step = job.step(&provider(&server, json!({}))).await.unwrap();
        assert!(matches!(step, Step::Pending { poll_after } if poll_after >= Duration::from_secs(3)));
        assert!(job.task.handle.unwrap().contains("1730000000000123"));
    }
}

#[tokio::test]
async fn queued_task_finishes() {
    let server = standin::Midjourney::start().await;
    // The stand-in accepts the task, and answers that it is queued.
    server.next(Act::Spoil(code(22, &json!("1730000000000001"))));
    server.steps(vec![
        json!({"status": "NOT_START", "progress": null}),
        json!({"status": "SUBMITTED", "progress": ""}),
        json!({"status": "IN_PROGRESS", "progress": "abc"}),
        json!({"status": "IN_PROGRESS", "progress": "62%"}),
        json!({"status": "SUCCESS", "progress": "100%"}),
    ]);
    let mut job = Job::of(1);
    job.finish(&provider(&server, json!({}))).await.unwrap();
    assert_eq!((job.kept.progress(), job.blues()[0].2), (vec![62], BLUES[0]));
}

#[tokio::test]
async fn wrong_secret_is_an_operator_error() {
    for manner in [Manner::Novicezk, Manner::Trueai] {
        let server = standin::Midjourney::start().await;
        server.manner(manner);
        let provider = provider(&server, json!({"apiSecret": "wrong"}));
        assert_eq!(Job::of(1).fails(&provider).await, (ErrorClass::Operator, Reason::Auth, false));
    }
}
