//! Providers without capacity, and calls with little time.

use std::time::Duration;

use domain::health::State;
use domain::providers::{ErrorClass, ProviderStatusStore as _, Reason, WaitReason};
use domain::{JobStatus, Timestamp};
use testkit::Logs;

use super::settings::later;
use super::world::{Acting, Does, MARGIN, World, reasons};

const MAX_FAILURES: u32 = 5;

#[tokio::test]
async fn job_with_a_full_provider_is_not_failed_by_another() {
    let failing = Acting::new("openai", Does::Fails(ErrorClass::Provider, Reason::Failed));
    let full = Acting::new("stability", Does::Draws);
    let world = World::of(&[&failing, &full]);
    let job = world.job(|_| {});
    for round in 0..12 {
        // The circuit breaker is not part of this test.
        world.store.forget_capacity("openai");
        world.fill(&full).await;
        let waiting = match round {
            0 => world.work(&job).await,
            _ => world.work_again(&job).await,
        };
        assert_eq!((waiting.status, waiting.failures), (JobStatus::Processing, 0), "{round}");
    }
    // The failing provider is not paid again and again.
    assert_eq!(failing.asked(), MAX_FAILURES);
    world.store.forget_capacity("stability");
    assert_eq!(world.work_again(&job).await.status, JobStatus::Completed);
}

#[tokio::test]
async fn failed_provider_is_not_called_before_its_retry_time() {
    let failing = Acting::new("openai", Does::Fails(ErrorClass::Provider, Reason::Failed));
    let full = Acting::new("stability", Does::Draws);
    let world = World::of(&[&failing, &full]);
    let job = world.job(|_| {});
    world.fill(&full).await;
    let waiting = world.work(&job).await;
    let retry_at = waiting.provider_attempts[0].failure.as_ref().unwrap().not_before.unwrap();
    assert!(retry_at > Timestamp::now() + Duration::from_secs(1));
    world.store.put_job(&domain::Job { not_before: None, ..waiting });
    let waiting = world.work(&job).await;
    assert_eq!((failing.asked(), waiting.failures), (1, 0));
}

#[tokio::test]
async fn job_that_all_providers_failed_ends_without_capacity() {
    let failing = Acting::new("openai", Does::Fails(ErrorClass::Provider, Reason::Failed));
    let other = Acting::new("stability", Does::Fails(ErrorClass::Provider, Reason::BadResponse));
    let world = World::of(&[&failing, &other]);
    let job = world.job(|_| {});
    let mut rounds = 0;
    let ended = loop {
        rounds += 1;
        world.store.forget_capacity("openai");
        world.store.forget_capacity("stability");
        world.fill(if rounds % 2 == 0 { &failing } else { &other }).await;
        let row = if rounds == 1 { world.work(&job).await } else { world.work_again(&job).await };
        if row.status.ended() {
            break row;
        }
    };
    assert_eq!((ended.status, rounds <= 4 * MAX_FAILURES), (JobStatus::Failed, true), "{rounds}");
}

#[tokio::test]
async fn provider_with_an_open_breaker_is_down_whatever_looks_bring() {
    let provider = Acting::new("openai", Does::WorksOn);
    let world = World::of(&[&provider]);
    let state = async || world.store.provider_statuses().await.unwrap().pop().unwrap().state;
    let pending = world.work(&world.job(|_| {})).await;
    assert_eq!(state().await, State::Up);
    provider.now_does(Does::Fails(ErrorClass::Provider, Reason::Failed));
    for _ in 0..5 {
        world.work(&world.job(|_| {})).await;
    }
    assert_eq!(state().await, State::Degraded);
    let waiting = world.work(&world.job(|_| {})).await;
    assert_eq!(waiting.waiting_for.unwrap().reason, WaitReason::ProviderDown);
    assert_eq!(state().await, State::Down);
    provider.now_does(Does::WorksOn);
    world.work_again(&pending).await;
    provider.now_does(Does::NotesAndDraws);
    assert_eq!(world.work_again(&pending).await.status, JobStatus::Completed);
    assert_eq!(state().await, State::Down);
}

#[tokio::test]
async fn job_that_looks_at_its_task_leaves_the_trial_call_to_another() {
    let provider = Acting::new("openai", Does::WorksOn);
    let world = World::of(&[&provider]);
    let pending = world.work(&world.job(|_| {})).await;
    provider.now_does(Does::Fails(ErrorClass::Provider, Reason::Failed));
    for _ in 0..5 {
        world.work(&world.job(|_| {})).await;
    }
    // The pause of the breaker is over.
    let _clock = later(3);
    provider.now_does(Does::WorksOn);
    world.work_again(&pending).await;
    provider.now_does(Does::Draws);
    assert_eq!(world.work(&world.job(|_| {})).await.status, JobStatus::Completed);
}

#[tokio::test]
async fn failover_needs_enough_time_to_answer() {
    let slow = Acting::new("openai", Does::Vanishes);
    let next = Acting::new("stability", Does::Draws);
    let world = World::of(&[&slow, &next]);
    let job = world.work_for(&world.job(|_| {}), Duration::from_secs(3)).await;
    assert_eq!((reasons(&job), next.asked()), (vec![("openai", Reason::Timeout)], 0));
}

#[tokio::test]
async fn no_call_outlasts_the_jobs_deadline() {
    let hangs = Acting::new("openai", Does::Vanishes);
    let world = World::of(&[&hangs]);
    let begun = Timestamp::now();
    let job = world.job(|job| job.deadline = begun + Duration::from_millis(1500));
    let waiting = world.work(&job).await;
    assert_eq!(hangs.asked(), 1);
    assert!(Timestamp::now().since(begun) < Duration::from_secs(5));
    assert_eq!(waiting.status, JobStatus::Processing);

    // Just before its deadline no call is made.
    let job = world.job(|job| job.deadline = Timestamp::now() + Duration::from_millis(500));
    world.work(&job).await;
    assert_eq!(hangs.asked(), 1);
}

#[tokio::test]
async fn job_without_enabled_provider_raises_alarm_and_waits() {
    let logs = Logs::begin();
    let world = World::of(&[]);
    let job = world.work(&world.job(|_| {})).await;
    assert_eq!((job.status, job.failures, job.attempts), (JobStatus::Processing, 0, 0));
    let alarms = logs.with("alarm", "provider_account");
    assert_eq!((alarms.len(), alarms[0]["level"].as_str()), (1, Some("ERROR")));
    // Long, but not so long that a new document would take effect late.
    assert!(job.not_before.unwrap().since(Timestamp::now()) > MARGIN);
}

#[tokio::test]
async fn operator_error_raises_alarm_and_denied_call_does_not() {
    let logs = Logs::begin();
    let broke = Acting::new("openai", Does::Fails(ErrorClass::Operator, Reason::QuotaExhausted));
    let world = World::of(&[&broke]);
    world.work(&world.job(|_| {})).await;
    let alarms = logs.with("alarm", "provider_account");
    assert_eq!((alarms.len(), alarms[0]["provider"].as_str()), (1, Some("openai")));
    // The next job's call is denied, and raises no further alarm.
    world.work(&world.job(|_| {})).await;
    assert_eq!(logs.with("alarm", "provider_account").len(), 1);
}

#[tokio::test]
async fn internal_errors_increase_the_pause() {
    let provider = Acting::new("openai", Does::Draws);
    let world = World::of(&[&provider]);
    let job = world.job(|_| {});
    let mut pauses = Vec::new();
    for round in 0..4 {
        world.store.fail_next("load_capacity", domain::store::StoreError::Unavailable("down".into()));
        let row = if round == 0 { world.work(&job).await } else { world.work_again(&job).await };
        pauses.push(row.not_before.unwrap().since(Timestamp::now()).as_secs_f64());
    }
    let doubled = pauses.windows(2).all(|two| two[1] > 2.0 * two[0]);
    assert!(doubled && pauses[3] > 100.0, "{pauses:?}");
}

#[tokio::test]
async fn pending_task_reports_progress() {
    let provider = Acting::new("stability", Does::ComesTo(30));
    let world = World::of(&[&provider]);
    let job = world.job(|job| {
        job.webhook.as_mut().unwrap().events.push(domain::jobs::WebhookEvent::Progress);
    });
    let progress_webhooks = || {
        let progress = domain::jobs::WebhookEvent::Progress;
        world.store.deliveries().iter().filter(|delivery| delivery.event == progress).count()
    };
    let waiting = world.work(&job).await;
    assert_eq!((waiting.progress, progress_webhooks()), (0, 0), "it has only just begun");
    let later = |row: domain::Job| domain::Job {
        started_at: row.started_at.map(|at| at - Duration::from_secs(4)),
        progress_at: row.progress_at.map(|at| at - Duration::from_secs(4)),
        ..row
    };
    for (percent, expected) in [(30, (30, 1)), (30, (30, 1)), (60, (60, 2))] {
        world.store.put_job(&later(world.store.job(job.id).unwrap()));
        provider.now_does(Does::ComesTo(percent));
        let waiting = world.work_again(&job).await;
        assert_eq!((waiting.progress, progress_webhooks()), expected);
    }
}
