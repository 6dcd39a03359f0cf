//! `GET /health`: how the parts of this deployment are.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::health::{Overall, Probe, SLOW, State, overall};
use domain::providers::{
    DeprecationStore, ModelDeprecations, ProviderStatusStore, STATUS_FRESH_FOR, STATUS_MAX_AGE,
};
use domain::store::StoreError;
use domain::{Error, Timestamp};
use edge::api::health::{Health, Service, Services};
use edge::http::{Answer, Request};
use futures_util::future::join_all;
use lambda_http::http::StatusCode;
use tokio::sync::Mutex;
use tracing::warn;

/// How long a part may take to answer.
const TIMEOUT: Duration = Duration::from_millis(800);
/// How long an answer is given again: a busy monitor must cost next to nothing.
const CACHE_TTL: Duration = Duration::from_secs(10);

/// What the endpoint needs.
pub struct Deps<'a> {
    /// The database, by what is known of the providers in it.
    pub provider_statuses: &'a dyn ProviderStatusStore,
    /// What their makers said about the end of their models.
    pub deprecations: &'a dyn DeprecationStore,
    /// The queues.
    pub queues: Vec<&'a dyn Probe>,
    /// Where images lie.
    pub storage: &'a dyn Probe,
    /// What was found last. Held over the asking, so that a burst of requests asks once.
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
        None => last.insert((Instant::now(), look(deps).await)),
    };
    let status = match health.1.status {
        Overall::Healthy | Overall::Degraded => StatusCode::OK,
        Overall::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
    };
    Answer::json(status, &health.1)
}

async fn look(deps: &Deps<'_>) -> Health {
    let known = async {
        Ok((deps.provider_statuses.provider_statuses().await?, deps.deprecations.all_deprecations().await?))
    };
    let (database, queues, storage) = tokio::join!(
        ask("database", known),
        join_all(deps.queues.iter().map(|queue| ask("queue", queue.probe()))),
        ask("storage", deps.storage.probe()),
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

/// What the operator should know of each provider's models.
fn warnings(deprecations: &[ModelDeprecations], now: Timestamp) -> BTreeMap<String, String> {
    let warning =
        |deprecations: &ModelDeprecations| Some((deprecations.provider.clone(), deprecations.warning(now)?));
    deprecations.iter().filter_map(warning).collect()
}

/// How a part is by how it answers. Why it does not is for the log: it may name what nobody outside should know.
async fn ask<T>(
    name: &'static str,
    question: impl Future<Output = Result<T, StoreError>>,
) -> (Service, Option<T>) {
    let started = Instant::now();
    let (state, error, value) = match tokio::time::timeout(TIMEOUT, question).await {
        Ok(Ok(value)) if started.elapsed() < SLOW => (State::Up, None, Some(value)),
        Ok(Ok(value)) => (State::Degraded, None, Some(value)),
        Ok(Err(error)) => {
            warn!(service = name, %error, "a part does not answer as it should");
            (State::Down, Some("it did not answer as it should"), None)
        }
        Err(_) => (State::Down, Some("it did not answer in time"), None),
    };
    let latency = value.as_ref().map(|_| started.elapsed().as_millis() as u64);
    (Service { status: state, latency, error }, value)
}

/// The queues count as one part, which is as well as the worst of them.
fn worst(queues: impl Iterator<Item = Service>) -> Service {
    let rank = |service: &Service| match service.status {
        State::Up => 0,
        State::Degraded => 1,
        State::Down => 2,
    };
    let none = Service { status: State::Down, latency: None, error: Some("there is none") };
    queues.max_by_key(|service| (rank(service), service.latency)).unwrap_or(none)
}
