//! [`Memory`] as the store of host permits and waiting lines.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::Timestamp;
use domain::primitives::{Lease, LeaseId};
use domain::store::StoreError;
use domain::webhooks::{
    Acquisition, HostLimits, HostPermit, HostPermitStore, HostPermits, Lane, Line, LineEntry, Release, Turn,
    WaitingLineStore,
};

use crate::Memory;

/// The limits of a host whose limits no test has set.
const DEFAULT_LIMITS: HostLimits = HostLimits { total: 2, share: 2 };

/// A host and the owner of each permit.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    permits: HostPermits,
    owners: BTreeMap<usize, LeaseId>,
    joined: u64,
}

impl Default for Host {
    fn default() -> Self {
        Self { permits: HostPermits::new(DEFAULT_LIMITS), owners: BTreeMap::new(), joined: 0 }
    }
}

/// The waiting lines by host and lane; entries by the time of the event and the webhook's id.
pub(crate) type Lines = BTreeMap<(String, Lane), BTreeMap<(Timestamp, String), LineEntry>>;

impl Memory {
    /// Sets the limits of a host.
    pub fn limit_host(&self, host: &str, limits: HostLimits) {
        self.state().hosts.entry(host.to_owned()).or_default().permits.limits = limits;
    }

    /// Returns the permits of a host, and its lanes.
    #[must_use]
    pub fn host(&self, host: &str) -> HostPermits {
        self.state().hosts.get(host).cloned().unwrap_or_default().permits
    }

    /// Returns the deliveries that wait in the line of a lane, the first of them first.
    #[must_use]
    pub fn line(&self, host: &str, lane: &Lane) -> Vec<LineEntry> {
        let state = self.state();
        let line = state.lines.get(&(host.to_owned(), *lane));
        line.map(|line| line.values().cloned().collect()).unwrap_or_default()
    }
}

#[async_trait]
impl HostPermitStore for Memory {
    async fn acquire_host_permit(
        &self,
        host: &str,
        lane: &Lane,
        turn: Turn,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Acquisition, StoreError> {
        let mut state = self.call("acquire_host_permit")?;
        let host = state.hosts.entry(host.to_owned()).or_default();
        let must_wait = turn == Turn::Newcomer && host.permits.lines.contains_key(lane);
        let free = host.permits.choose_free(lane, now, 0.0).filter(|_| !must_wait);
        let Some(number) = free else { return Ok(Acquisition::Denied(host.permits.clone())) };
        let lease = Lease { id: LeaseId::new(), until };
        host.permits.held.insert(number, until);
        host.owners.insert(number, lease.id);
        Ok(Acquisition::Acquired(HostPermit { number, lease }, host.permits.clone()))
    }

    async fn release_host_permit(
        &self,
        host: &str,
        permit: HostPermit,
        release: &Release,
    ) -> Result<HostPermits, StoreError> {
        let mut state = self.call("release_host_permit")?;
        let host = state.hosts.entry(host.to_owned()).or_default();
        if host.owners.get(&permit.number) == Some(&permit.lease.id) {
            host.owners.remove(&permit.number);
            host.permits.held.remove(&permit.number);
            host.permits.slow.retain(|lane, _| !release.expired.contains(lane));
            host.permits.slow.extend(release.slow);
        }
        Ok(host.permits.clone())
    }

    async fn register_line(&self, host: &str, lane: &Lane, _: Timestamp) -> Result<HostPermits, StoreError> {
        let mut state = self.call("register_line")?;
        let host = state.hosts.entry(host.to_owned()).or_default();
        host.joined += 1;
        let line = host.permits.lines.entry(*lane).or_insert(Line { joined: 0, watched_until: None });
        line.joined = host.joined;
        Ok(host.permits.clone())
    }

    async fn close_line(&self, host: &str, lane: &Lane, joined: u64) -> Result<(), StoreError> {
        let mut state = self.call("close_line")?;
        let permits = &mut state.hosts.entry(host.to_owned()).or_default().permits;
        permits.lines.retain(|other, line| other != lane || line.joined != joined);
        Ok(())
    }

    async fn watch_line(
        &self,
        host: &str,
        lane: &Lane,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<HostPermits>, StoreError> {
        let mut state = self.call("watch_line")?;
        let permits = &mut state.hosts.entry(host.to_owned()).or_default().permits;
        if !permits.is_unwatched(lane, now) {
            return Ok(None);
        }
        if let Some(line) = permits.lines.get_mut(lane) {
            line.watched_until = Some(until);
        }
        Ok(Some(permits.clone()))
    }
}

#[async_trait]
impl WaitingLineStore for Memory {
    async fn join_line(&self, host: &str, lane: &Lane, entry: &LineEntry) -> Result<(), StoreError> {
        let mut state = self.call("join_line")?;
        let line = state.lines.entry((host.to_owned(), *lane)).or_default();
        line.insert((entry.happened_at, entry.webhook_id.to_string()), entry.clone());
        Ok(())
    }

    async fn take_first(&self, host: &str, lane: &Lane) -> Result<Option<LineEntry>, StoreError> {
        let mut state = self.call("take_first")?;
        let Some(line) = state.lines.get_mut(&(host.to_owned(), *lane)) else { return Ok(None) };
        let now = Timestamp::now();
        line.retain(|_, entry| entry.expires_at > now);
        Ok(line.pop_first().map(|(_, entry)| entry))
    }

    async fn take_if_first(&self, host: &str, lane: &Lane, entry: &LineEntry) -> Result<bool, StoreError> {
        let mut state = self.call("take_if_first")?;
        let Some(line) = state.lines.get_mut(&(host.to_owned(), *lane)) else { return Ok(false) };
        let mine = line.first_key_value().is_some_and(|(_, first)| first == entry);
        Ok(mine && line.pop_first().is_some())
    }
}
