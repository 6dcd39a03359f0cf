//! New settings of a provider, and what jobs wait for until they come.

use std::rc::Rc;

use domain::health::State;
use domain::images::ProviderChoice;
use domain::primitives::source::{Installed, Source, install};
use domain::providers::{ErrorClass, ProviderStatusStore as _, Reason, SETTINGS_LOOK, WaitReason};
use domain::{Job, JobStatus, Timestamp};
use serde_json::json;
use testkit::KeptSecret;
use testkit::standin::openai::{self, Act, OpenAi};

use super::world::{Acting, Does, World};

fn document(server: &OpenAi, key: &str, more: serde_json::Value) -> String {
    let mut section = json!({"apiKey": key, "baseUrl": server.base_url()});
    section.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "openai": section }).to_string()
}

/// A secret that lives as long as the test.
fn secret(text: String) -> &'static KeptSecret {
    Box::leak(Box::new(KeptSecret::new(text)))
}

/// A clock that is so many seconds fast.
struct Fast(i64);

impl Source for Fast {
    fn now_millis(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        i64::try_from(since.as_millis()).unwrap() + self.0 * 1000
    }

    fn fill(&self, bytes: &mut [u8]) {
        use std::hash::{BuildHasher as _, RandomState};
        // Ids must differ, and nothing else depends on this.
        bytes.fill_with(|| RandomState::new().hash_one(0).to_le_bytes()[0]);
    }
}

/// Lets so much time pass that the document may be read again, `times` times.
pub(super) fn later(times: i64) -> Installed {
    install(Rc::new(Fast(11 * times)))
}

fn gpt_image(job: &mut Job) {
    job.picture.provider = ProviderChoice::GptImage;
}

#[tokio::test]
async fn job_that_waits_for_an_allowance_says_so() {
    let provider = Acting::new("openai", Does::AwaitsAllowance);
    let world = World::of(&[&provider]);
    let job = world.job(|_| {});
    let first = world.work(&job).await;
    let why = first.waiting_for.unwrap();
    assert_eq!((why.reason, why.provider.as_deref()), (WaitReason::Account, Some("openai")));
    assert_eq!(why.until, first.not_before);
    assert_eq!(world.work_again(&job).await.waiting_for.unwrap().since, why.since);
    provider.now_does(Does::WorksOn);
    assert_eq!(world.work_again(&job).await.waiting_for, None);
    provider.now_does(Does::NotesAndDraws);
    assert_eq!(world.work_again(&job).await.status, JobStatus::Completed);
}

#[tokio::test]
async fn mended_key_is_used_at_the_next_look_though_the_breaker_is_open() {
    let server = OpenAi::start().await;
    let secret = secret(document(&server, "sk-canary-wrong", json!({})));
    let world = World::with_document(secret);
    let job = world.job(gpt_image);
    let waiting = world.work(&job).await;
    let why = waiting.waiting_for.clone().unwrap();
    assert_eq!((why.reason, why.provider.as_deref()), (WaitReason::Account, Some("openai")));
    assert_eq!(why.until, waiting.not_before);
    let look = waiting.not_before.unwrap().since(Timestamp::now());
    assert!(look <= SETTINGS_LOOK.mul_f64(1.2), "{look:?}");
    let status = world.store.provider_statuses().await.unwrap().pop().unwrap();
    assert_eq!((status.state, status.cause), (State::Down, Some(Reason::Auth)));

    // Another job is denied, and says the same.
    let other = world.work(&world.job(gpt_image)).await;
    assert_eq!((other.attempts, other.waiting_for.unwrap().reason), (0, WaitReason::Account));
    // Its next looks change nothing while the document is the same, and read it once in ten seconds.
    let _clock = later(1);
    let reads = secret.reads();
    let again = world.work_again(&job).await.waiting_for.unwrap();
    world.work_again(&job).await;
    assert_eq!((again.since, secret.reads()), (why.since, reads + 1));

    secret.put(document(&server, openai::KEY, json!({})));
    let _clock = later(2);
    let done = world.work_again(&job).await;
    assert_eq!((done.status, done.waiting_for), (JobStatus::Completed, None));
}

#[tokio::test]
async fn mended_address_is_used_at_the_next_look_and_a_wrong_one_is_not_asked_again() {
    let server = OpenAi::start().await;
    let wrong = json!({"baseUrl": server.base_url().replace("/v1", "/v2")});
    let secret = secret(document(&server, openai::KEY, wrong));
    let world = World::with_document(secret);
    let job = world.job(gpt_image);
    let waiting = world.work(&job).await;
    assert_eq!((waiting.attempts, waiting.waiting_for.unwrap().reason), (1, WaitReason::Account));
    // The pause of five minutes for these settings has not passed.
    let mut row = world.store.job(job.id).unwrap();
    row.not_before = None;
    world.store.put_job(&row);
    assert_eq!(world.work(&job).await.attempts, 1);
    secret.put(document(&server, openai::KEY, json!({})));
    let _clock = later(2);
    let mut row = world.store.job(job.id).unwrap();
    row.not_before = None;
    world.store.put_job(&row);
    assert_eq!(world.work(&job).await.status, JobStatus::Completed);
}

#[tokio::test]
async fn worker_with_an_old_document_learns_of_a_new_one_from_the_providers_row() {
    let server = OpenAi::start().await;
    let (old, new) =
        (document(&server, openai::KEY, json!({})), json!({"models": {"gpt_image": "gpt-image-1.5"}}));
    let secret = secret(old);
    let world = World::with_document(secret);
    world.work(&world.job(gpt_image)).await;
    // Another worker reads the new document, and calls the provider with it.
    secret.put(document(&server, openai::KEY, new));
    let newer = World {
        registry: providers::CurrentRegistry::new(Box::leak(Box::new(KeptSecret::new(document(
            &server,
            openai::KEY,
            json!({"models": {"gpt_image": "gpt-image-1.5"}}),
        ))))),
        store: std::sync::Arc::clone(&world.store),
    };
    newer.work(&newer.job(gpt_image)).await;
    let done = world.work(&world.job(gpt_image)).await;
    assert_eq!(done.result.unwrap().images[0].origin.model, "gpt-image-1.5");
    assert_eq!(secret.reads(), 2);
}

#[tokio::test]
async fn provider_that_is_added_is_found_before_its_job_fails() {
    let server = OpenAi::start().await;
    let secret = secret(json!({"sandbox": {}}).to_string());
    let world = World::with_document(secret);
    world.work(&world.job(|_| {})).await;
    secret.put(document(&server, openai::KEY, json!({})));
    assert_eq!(world.work(&world.job(gpt_image)).await.status, JobStatus::Completed);
}

#[tokio::test]
async fn waiting_job_says_what_it_waits_for() {
    let busy = json!({"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"});
    let server = OpenAi::start().await;
    let secret = secret(document(&server, openai::KEY, json!({})));
    let world = World::with_document(secret);
    server.next(Act::error(429, &busy));
    let waiting = world.work(&world.job(gpt_image)).await.waiting_for.unwrap();
    assert_eq!((waiting.reason, waiting.provider.as_deref()), (WaitReason::RetryAfter, Some("openai")));

    let failing = Acting::new("openai", Does::Fails(ErrorClass::Provider, Reason::Failed));
    let world = World::of(&[&failing]);
    let reason = |job: Job| job.waiting_for.unwrap().reason;
    assert_eq!(reason(world.work(&world.job(|_| {})).await), WaitReason::Backoff);
    for _ in 0..4 {
        world.work(&world.job(|_| {})).await;
    }
    let down = world.work(&world.job(|_| {})).await;
    assert_eq!((failing.asked(), reason(down)), (5, WaitReason::ProviderDown));

    let full = Acting::new("openai", Does::Draws);
    let world = World::of(&[&full]);
    world.fill(&full).await;
    assert_eq!(reason(world.work(&world.job(|_| {})).await), WaitReason::Place);

    let bounds = Some(domain::providers::CapacityLimits { max_concurrent: 2, images_per_minute: Some(1) });
    let paced = Acting { bounds, ..Acting::new("openai", Does::Draws) };
    let world = World::of(&[&paced]);
    world.work(&world.job(|_| {})).await;
    assert_eq!(reason(world.work(&world.job(|_| {})).await), WaitReason::Pace);
}
