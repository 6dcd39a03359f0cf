//! The memory as what is known of paces and providers.

use std::time::Duration;

use async_trait::async_trait;
use domain::JobId;
use domain::health::Probe;
use domain::jobs::{Kind, PaceStore, expected};
use domain::providers::{Sighting, SightingStore, SunsetStore, TrafficStore};
use domain::store::StoreError;

use domain::providers::{Sunset, Traffic};

use crate::Memory;

#[async_trait]
impl PaceStore for Memory {
    async fn expected(&self, kind: Kind) -> Result<Option<Duration>, StoreError> {
        let state = self.call("expected")?;
        Ok(expected(state.paces.get(&kind).cloned().unwrap_or_default()))
    }

    async fn took(&self, kind: Kind, _: JobId, time: Duration) -> Result<(), StoreError> {
        self.call("took")?.paces.entry(kind).or_default().push(time);
        Ok(())
    }
}

#[async_trait]
impl SightingStore for Memory {
    async fn saw(&self, sighting: &Sighting) -> Result<(), StoreError> {
        self.call("saw")?.sightings.insert(sighting.provider.clone(), sighting.clone());
        Ok(())
    }

    async fn sightings(&self) -> Result<Vec<Sighting>, StoreError> {
        Ok(self.call("sightings")?.sightings.values().cloned().collect())
    }
}

impl Memory {
    /// Nothing is known of what is under way at a provider.
    pub fn forget_traffic(&self, provider: &str) {
        self.state().traffic.remove(provider);
    }
}

#[async_trait]
impl TrafficStore for Memory {
    async fn traffic(&self, provider: &str) -> Result<Traffic, StoreError> {
        let state = self.call("traffic")?;
        Ok(state.traffic.get(provider).cloned().unwrap_or_else(|| Traffic::new(provider)))
    }

    async fn save_traffic(&self, traffic: &mut Traffic) -> Result<(), StoreError> {
        let mut state = self.call("save_traffic")?;
        if state.traffic.get(&traffic.provider).map_or(0, |row| row.revision) != traffic.revision {
            return Err(StoreError::Conflict);
        }
        traffic.revision += 1;
        state.traffic.insert(traffic.provider.clone(), traffic.clone());
        Ok(())
    }
}

#[async_trait]
impl SunsetStore for Memory {
    async fn sunset(&self, provider: &str) -> Result<Option<Sunset>, StoreError> {
        Ok(self.call("sunset")?.sunsets.get(provider).cloned())
    }

    async fn sunsets(&self) -> Result<Vec<Sunset>, StoreError> {
        Ok(self.call("sunsets")?.sunsets.values().cloned().collect())
    }

    async fn save_sunset(&self, sunset: &Sunset) -> Result<(), StoreError> {
        self.call("save_sunset")?.sunsets.insert(sunset.provider.clone(), sunset.clone());
        Ok(())
    }
}

#[async_trait]
impl Probe for Memory {
    async fn probe(&self) -> Result<(), StoreError> {
        self.call("probe").map(|_| ())
    }
}
