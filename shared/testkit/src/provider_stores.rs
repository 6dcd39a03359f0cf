//! [`Memory`] as the store of estimates, provider statuses, capacities and deprecations.

use std::time::Duration;

use async_trait::async_trait;
use domain::JobId;
use domain::health::Probe;
use domain::jobs::{EstimateStore, JobClass, estimate_from};
use domain::providers::{CapacityStore, DeprecationStore, ProviderStatus, ProviderStatusStore};
use domain::providers::{ModelDeprecations, ProviderCapacity};
use domain::store::StoreError;

use crate::Memory;

#[async_trait]
impl EstimateStore for Memory {
    async fn estimate(&self, class: JobClass) -> Result<Option<Duration>, StoreError> {
        let state = self.call("estimate")?;
        Ok(estimate_from(state.estimates.get(&class).cloned().unwrap_or_default()))
    }

    async fn record_duration(&self, class: JobClass, _: JobId, time: Duration) -> Result<(), StoreError> {
        self.call("record_duration")?.estimates.entry(class).or_default().push(time);
        Ok(())
    }
}

#[async_trait]
impl ProviderStatusStore for Memory {
    async fn record_status(&self, status: &ProviderStatus) -> Result<(), StoreError> {
        self.call("record_status")?.provider_statuses.insert(status.provider.clone(), status.clone());
        Ok(())
    }

    async fn provider_statuses(&self) -> Result<Vec<ProviderStatus>, StoreError> {
        Ok(self.call("provider_statuses")?.provider_statuses.values().cloned().collect())
    }
}

impl Memory {
    /// Removes the capacity of a provider, with all its permits and its circuit breaker.
    pub fn forget_capacity(&self, provider: &str) {
        self.state().capacity.remove(provider);
    }
}

#[async_trait]
impl CapacityStore for Memory {
    async fn load_capacity(&self, provider: &str) -> Result<ProviderCapacity, StoreError> {
        let state = self.call("load_capacity")?;
        Ok(state.capacity.get(provider).cloned().unwrap_or_else(|| ProviderCapacity::new(provider)))
    }

    async fn save_capacity(&self, capacity: &mut ProviderCapacity) -> Result<(), StoreError> {
        let mut state = self.call("save_capacity")?;
        if state.capacity.get(&capacity.provider).map_or(0, |row| row.revision) != capacity.revision {
            return Err(StoreError::Conflict);
        }
        capacity.revision += 1;
        state.capacity.insert(capacity.provider.clone(), capacity.clone());
        Ok(())
    }
}

#[async_trait]
impl DeprecationStore for Memory {
    async fn deprecations(&self, provider: &str) -> Result<Option<ModelDeprecations>, StoreError> {
        Ok(self.call("deprecations")?.deprecations.get(provider).cloned())
    }

    async fn all_deprecations(&self) -> Result<Vec<ModelDeprecations>, StoreError> {
        Ok(self.call("all_deprecations")?.deprecations.values().cloned().collect())
    }

    async fn save_deprecations(&self, deprecations: &ModelDeprecations) -> Result<(), StoreError> {
        self.call("save_deprecations")?
            .deprecations
            .insert(deprecations.provider.clone(), deprecations.clone());
        Ok(())
    }
}

#[async_trait]
impl Probe for Memory {
    async fn probe(&self) -> Result<(), StoreError> {
        self.call("probe").map(|_| ())
    }
}
