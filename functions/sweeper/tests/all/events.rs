//! Replays the sample events.

use std::time::Duration;

use domain::Timestamp;
use domain::jobs::JobPolicy;
use domain::webhooks::TimeScale;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use sweeper::{Deps, Swept, handle};
use testkit::{Memory, Sent};

#[tokio::test]
async fn schedule_event_starts_a_sweep() {
    assert_eq!(testkit::event_names("sweeper"), ["schedule.json"]);
    let payload: Value = serde_json::from_str(&testkit::event("sweeper", "schedule.json")).unwrap();
    let store = Memory::new();
    let mut job = testkit::sample_job();
    job.due_at = Some(Timestamp::now() - Duration::from_secs(60));
    store.put_job(&job);
    let deps = Deps {
        due: &store,
        jobs: &store,
        batches: &store,
        deliveries: &store,
        endpoints: &store,
        job_queue: &store,
        webhook_queue: &store,
        images: &store,
        policy: JobPolicy::default(),
        time_scale: TimeScale::REAL,
    };
    let mut context = Context::default();
    context.deadline = u64::try_from(Timestamp::now().millis()).unwrap() + 50_000;
    let swept = handle(&deps, LambdaEvent::new(payload, context)).await.unwrap();
    assert_eq!(swept, Swept { due: 1, jobs_sent: 1, ..Swept::default() });
    assert!(matches!(store.sent()[..], [Sent::Job(..)]));
}
