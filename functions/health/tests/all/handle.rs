//! What `GET /health` reports, and how many checks it runs.

use std::time::Duration;

use domain::Timestamp;
use domain::health::State;
use domain::providers::{DeprecationStore as _, ModelDeprecations, ProviderStatus, ProviderStatusStore as _};
use domain::store::StoreError;
use edge::http::Request;
use health::{Deps, handle};
use serde_json::{Value, json};
use testkit::Memory;

fn deps(store: &Memory) -> Deps<'_> {
    Deps {
        provider_statuses: store,
        deprecations: store,
        queues: vec![store, store],
        storage: store,
        last: Default::default(),
    }
}

async fn get(deps: &Deps<'_>) -> (u16, Value) {
    let request = Request::by(testkit::principal("acme", &[]), "health", "GET", "");
    let answer = handle(deps, request).await.unwrap();
    (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap())
}

async fn record_status(store: &Memory, provider: &str, state: State) {
    let status =
        ProviderStatus { provider: provider.into(), state, cause: None, observed_at: Timestamp::now() };
    store.record_status(&status).await.unwrap();
}

#[tokio::test]
async fn every_service_is_checked_once_within_cache_ttl() {
    let store = Memory::new();
    record_status(&store, "sandbox", State::Up).await;
    let deps = deps(&store);
    let (status, body) = get(&deps).await;
    assert_eq!((status, body["status"].as_str()), (200, Some("healthy")));
    for part in ["database", "queue", "storage"] {
        assert_eq!(body["services"][part]["status"], "up", "{part}");
        assert!(body["services"][part]["latency"].is_u64(), "{part}");
    }
    assert_eq!(body["services"]["imageProviders"]["sandbox"]["status"], "up");
    let calls = store.calls();
    assert_eq!(calls.iter().filter(|call| **call == "probe").count(), 3);
    assert_eq!(get(&deps).await, (status, body));
    assert_eq!(store.calls(), calls);
}

#[tokio::test]
async fn queue_down_is_degraded_and_database_down_unhealthy() {
    let store = Memory::new();
    store.fail_next("probe", StoreError::Unavailable("arn:aws:sqs:eu-west-1:1234:secret".into()));
    let (status, body) = get(&deps(&store)).await;
    assert_eq!((status, body["status"].as_str()), (200, Some("degraded")));
    assert_eq!(body["services"]["queue"]["status"], "down");
    assert!(!body.to_string().contains("arn:"), "{body}");

    store.fail_next("provider_statuses", StoreError::Unavailable("down".into()));
    let (status, body) = get(&deps(&store)).await;
    assert_eq!((status, body["status"].as_str()), (503, Some("unhealthy")));
}

#[tokio::test]
async fn failed_provider_status_is_degraded() {
    let store = Memory::new();
    record_status(&store, "openai", State::Down).await;
    record_status(&store, "sandbox", State::Up).await;
    let (status, body) = get(&deps(&store)).await;
    assert_eq!((status, body["status"].as_str()), (200, Some("degraded")));
    assert_eq!(body["services"]["imageProviders"]["openai"]["status"], "down");
}

#[tokio::test]
async fn stale_provider_status_does_not_count() {
    let store = Memory::new();
    for (provider, age) in [("openai", 16 * 60), ("gone", 25 * 3600)] {
        let observed_at = Timestamp::now() - Duration::from_secs(age);
        store
            .record_status(&ProviderStatus {
                provider: provider.into(),
                state: State::Down,
                cause: None,
                observed_at,
            })
            .await
            .unwrap();
    }
    let (_, body) = get(&deps(&store)).await;
    assert_eq!(body["status"], "healthy");
    assert_eq!(body["services"]["imageProviders"]["openai"]["status"], "down");
    assert!(body["services"]["imageProviders"].get("gone").is_none());
}

#[tokio::test]
async fn model_near_shutdown_gives_provider_warning() {
    let store = Memory::new();
    record_status(&store, "openai", State::Up).await;
    let end = Timestamp::now() + Duration::from_secs(29 * 24 * 3600);
    for (provider, end) in
        [("openai", end), ("idle", end), ("calm", end + Duration::from_secs(2 * 24 * 3600))]
    {
        let models = [("old-model".to_owned(), Some(end))].into();
        let deprecations =
            ModelDeprecations { provider: provider.into(), asked_at: Timestamp::now(), models };
        store.save_deprecations(&deprecations).await.unwrap();
    }
    let (status, body) = get(&deps(&store)).await;
    assert_eq!((status, body["status"].as_str()), (200, Some("healthy")), "the model works until then");
    let providers = &body["services"]["imageProviders"];
    let warning = format!("old-model is switched off on {}", end.date());
    assert_eq!(
        (&providers["openai"]["warning"], &providers["openai"]["status"]),
        (&json!(warning), &json!("up"))
    );
    assert_eq!(providers["idle"], json!({"status": "degraded", "warning": warning}));
    assert_eq!(providers.get("calm"), None);
}
