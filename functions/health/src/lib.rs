//! `GET /health`: the status of the deployment's services.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::health::{Overall, Probe, SLOW, State, overall};
use domain::providers::{
    DeprecationStore, ModelDeprecations, ProviderStatusStore, STATUS_FRESH_FOR, STATUS_MAX_AGE,
};
use domain::store::StoreError;
use domain::{Error, Timestamp};
use edge::api::health::{Health, Service, Services};
use edge::http::{Answer, Request};
use futures_util::future::join_all;
use http::StatusCode;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;

/// How long one service may take to answer.
const TIMEOUT: Duration = Duration::from_millis(800);
/// How long a result is reused: frequent monitoring must cost almost nothing.
const CACHE_TTL: Duration = Duration::from_secs(10);

pub struct Deps<'a> {
    /// Reading it also shows whether the database answers.
    pub provider_statuses: &'a dyn ProviderStatusStore,
    /// Which models the vendors have announced to shut down, and when.
    pub deprecations: &'a dyn DeprecationStore,
    pub queues: Vec<&'a dyn Probe>,
    pub storage: &'a dyn Probe,
    /// The latest result. The lock is held during the checks, so a burst of requests runs them once.
    pub last: Mutex<Option<(Instant, Health)>>,
}

/// Answers one request.
///
/// # Errors
///
/// None in practice.
pub async fn handle(deps: &Deps<'_>, _: Request) -> Result<Answer, Error> {
    let mut last = deps.last.lock().await;
    let health = match last.take_if(|(at, _)| at.elapsed() < CACHE_TTL) {
        Some((at, health)) => last.insert((at, health)),
        None => last.insert((Instant::now(), check_all(deps).await)),
    };
    let status = match health.1.status {
        Overall::Healthy | Overall::Degraded => StatusCode::OK,
        Overall::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
    };
    Answer::json(status, &health.1)
}

async fn check_all(deps: &Deps<'_>) -> Health {
    let known = async {
        Ok((deps.provider_statuses.provider_statuses().await?, deps.deprecations.all_deprecations().await?))
    };
    let (database, queues, storage) = tokio::join!(
        check("database", known),
        join_all(deps.queues.iter().map(|queue| check("queue", queue.probe()))),
        check("storage", deps.storage.probe()),
    );
    let (database, known) = database;
    let (mut providers, deprecations) = known.unwrap_or_default();
    let queue = worst(queues.into_iter().map(|(service, _)| service));
    let storage = storage.0;
    let now = Timestamp::now();
    providers.retain(|status| now.since(status.observed_at) < STATUS_MAX_AGE);
    let mut rest = vec![queue.status, storage.status];
    let fresh = providers.iter().filter(|status| now.since(status.observed_at) < STATUS_FRESH_FOR);
    rest.extend(fresh.map(|status| status.state));
    Health {
        status: overall(database.status, &rest),
        version: env!("CARGO_PKG_VERSION"),
        timestamp: now,
        services: Services::new(database, queue, storage, providers, warnings(&deprecations, now)),
    }
}

/// Returns a warning for the operator for each provider with models that are soon shut down.
fn warnings(deprecations: &[ModelDeprecations], now: Timestamp) -> BTreeMap<String, String> {
    let warning =
        |deprecations: &ModelDeprecations| Some((deprecations.provider.clone(), deprecations.warning(now)?));
    deprecations.iter().filter_map(warning).collect()
}

/// Derives the state of a service from its answer and latency. The cause of a failure goes only to the log:
/// it may contain internal names that must not be public.
async fn check<T>(
    name: &'static str,
    request: impl Future<Output = Result<T, StoreError>>,
) -> (Service, Option<T>) {
    let started = Instant::now();
    let (state, error, value) = match tokio::time::timeout(TIMEOUT, request).await {
        Ok(Ok(value)) if started.elapsed() < SLOW => (State::Up, None, Some(value)),
        Ok(Ok(value)) => (State::Degraded, None, Some(value)),
        Ok(Err(error)) => {
            warn!(service = name, %error, "a health check failed");
            (State::Down, Some("it did not answer as it should"), None)
        }
        Err(_) => (State::Down, Some("it did not answer in time"), None),
    };
    let latency = value.as_ref().map(|_| started.elapsed().as_millis() as u64);
    (Service { status: state, latency, error }, value)
}

/// Combines the queues into one service, with the state of the worst of them.
fn worst(queues: impl Iterator<Item = Service>) -> Service {
    let rank = |service: &Service| match service.status {
        State::Up => 0,
        State::Degraded => 1,
        State::Down => 2,
    };
    let none = Service { status: State::Down, latency: None, error: Some("there is none") };
    queues.max_by_key(|service| (rank(service), service.latency)).unwrap_or(none)
}
