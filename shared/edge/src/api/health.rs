//! The response of `GET /health`.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::health::{Overall, State};
use domain::providers::{ProviderStatus, Reason};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::time::{Rfc3339, rfc3339, rfc3339_or_none};

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
    /// As the workers last saw them; one that was not asked lately is there only if there is a warning.
    image_providers: BTreeMap<String, ProviderService>,
}

impl Services {
    /// Merges provider states and operator warnings. A provider with a warning but no recent state is
    /// `degraded`.
    #[must_use]
    pub fn new(
        database: Service,
        queue: Service,
        storage: Service,
        providers: Vec<ProviderStatus>,
        mut warnings: BTreeMap<String, String>,
    ) -> Self {
        let image_providers =
            providers.into_iter().map(|ProviderStatus { provider, state, cause, observed_at }| {
                let warning = warnings.remove(&provider);
                let error = cause.map(Reason::description);
                (provider, ProviderService { status: state, error, last_seen: Some(observed_at), warning })
            });
        let mut image_providers: BTreeMap<_, _> = image_providers.collect();
        // No recent state, but the warning still concerns the next call to the provider.
        image_providers.extend(warnings.into_iter().map(|(provider, warning)| {
            let warning = Some(warning);
            (provider, ProviderService { status: State::Degraded, error: None, last_seen: None, warning })
        }));
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
    /// Why it is not up, in words that tell nothing of the inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// When, if it was seen lately.
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    last_seen: Option<Timestamp>,
    /// What its operator should see to: its maker will switch off, or has switched off, a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}
