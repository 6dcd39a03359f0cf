//! The answer of `GET /health`.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::health::{Overall, Sighting, State};
use schemars::JsonSchema;
use serde::Serialize;

use crate::wire::{Rfc3339, rfc3339};

/// How the deployment is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// All in all.
    pub status: Overall,
    /// The version that runs.
    pub version: &'static str,
    /// When the parts were asked.
    #[serde(serialize_with = "rfc3339")]
    #[schemars(with = "Rfc3339")]
    pub timestamp: Timestamp,
    /// Part by part.
    pub services: Services,
}

/// The parts.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Services {
    /// What knows of every job.
    database: Service,
    /// What wakes the workers.
    queue: Service,
    /// Where images lie.
    storage: Service,
    /// As the workers last saw them; a provider that was never asked is not there.
    image_providers: BTreeMap<String, ProviderService>,
}

impl Services {
    /// All parts.
    #[must_use]
    pub fn new(database: Service, queue: Service, storage: Service, providers: Vec<Sighting>) -> Self {
        let image_providers = providers
            .into_iter()
            .map(|sighting| {
                let state = ProviderService { status: sighting.state, last_seen: sighting.seen_at };
                (sighting.provider, state)
            })
            .collect();
        Self { database, queue, storage, image_providers }
    }
}

/// One part.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Service {
    /// How it is.
    pub status: State,
    /// How long its answer took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<u64>,
    /// What is wrong, in words that tell nothing of the inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
}

/// What workers last saw of a provider.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ProviderService {
    /// How it was.
    status: State,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    #[schemars(with = "Rfc3339")]
    last_seen: Timestamp,
}
