//! An in-memory store that implements all ports.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::access::{
    ClientId, Counted, Endpoint, IdempotencyRecord, KeyRecord, KeyStore, Limits, LongPollPermit, SecretSource,
};
use domain::chat::RecentMessages;
use domain::due::{Due, DueIndex, postponement};
use domain::images::ImageObject;
use domain::jobs::{BatchStore, JobClass, JobFilter, JobList, JobMessage, JobPage, JobQueue, JobStore};
use domain::primitives::{Priority, Secret};
use domain::providers::{ModelDeprecations, ProviderCapacity, ProviderStatus};
use domain::store::StoreError;
use domain::webhooks::{
    Delivery, DeliveryStore, SecretVersions, WebhookEndpoint, WebhookEndpointId, WebhookMessage, WebhookQueue,
};
use domain::{Batch, BatchId, Job, JobId, KeyId, SessionId, Timestamp, WebhookId};

use crate::addon_state::Addons;
use crate::host_permits::{Host, Lines};

/// A message that was sent, with its delay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// Sent to the job queue of this priority.
    Job(JobMessage, Priority, Duration),
    Webhook(WebhookMessage, Duration),
}

/// Implements all ports in memory. Records the name of each call, and can make calls fail.
#[derive(Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) jobs: HashMap<JobId, Job>,
    pub(crate) deliveries: BTreeMap<String, Delivery>,
    pub(crate) sessions: HashMap<SessionId, RecentMessages>,
    batches: HashMap<BatchId, Batch>,
    pub(crate) keys: BTreeMap<String, KeyRecord>,
    pub(crate) limits: HashMap<ClientId, Limits>,
    pub(crate) objects: BTreeMap<String, ImageObject>,
    pub(crate) windows: HashMap<(String, Endpoint), Counted>,
    pub(crate) long_polls: HashMap<String, Vec<LongPollPermit>>,
    pub(crate) estimates: HashMap<JobClass, Vec<Duration>>,
    pub(crate) provider_statuses: BTreeMap<String, ProviderStatus>,
    pub(crate) deprecations: BTreeMap<String, ModelDeprecations>,
    pub(crate) capacity: BTreeMap<String, ProviderCapacity>,
    pub(crate) idempotency: HashMap<String, IdempotencyRecord>,
    pub(crate) endpoints: BTreeMap<WebhookEndpointId, WebhookEndpoint>,
    pub(crate) secret_versions: HashMap<ClientId, SecretVersions>,
    pub(crate) hosts: HashMap<String, Host>,
    pub(crate) lines: Lines,
    pub(crate) addons: Addons,
    /// The ids of the rows that cannot be read.
    pub(crate) unreadable: BTreeSet<String>,
    sent: Vec<Sent>,
    calls: Vec<&'static str>,
    failures: VecDeque<(&'static str, StoreError)>,
}

impl Memory {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn call(&self, name: &'static str) -> Result<MutexGuard<'_, State>, StoreError> {
        let mut state = self.state();
        state.calls.push(name);
        match state.failures.iter().position(|(call, _)| *call == name) {
            Some(index) => Err(state.failures.remove(index).expect("just found").1),
            None => Ok(state),
        }
    }

    /// Makes the row of the job, batch or webhook with this id unreadable, as if a newer release had written it.
    pub fn make_unreadable(&self, id: impl std::fmt::Display) {
        self.state().unreadable.insert(id.to_string());
    }

    /// Makes the next call of this name fail with `error`. Several failures of one call are used in order.
    pub fn fail_next(&self, call: &'static str, error: StoreError) {
        self.state().failures.push_back((call, error));
    }

    /// Removes all failures that are still to come.
    pub fn forget_failures(&self) {
        self.state().failures.clear();
    }

    /// Adds or replaces a job, without a check of its revision.
    pub fn put_job(&self, job: &Job) {
        self.state().jobs.insert(job.id, job.clone());
    }

    /// Adds or replaces a batch, without a check of its revision.
    pub fn put_batch(&self, batch: &Batch) {
        self.state().batches.insert(batch.id, batch.clone());
    }

    #[must_use]
    pub fn batch(&self, id: BatchId) -> Option<Batch> {
        self.state().batches.get(&id).cloned()
    }

    #[must_use]
    pub fn batches(&self) -> Vec<Batch> {
        self.state().batches.values().cloned().collect()
    }

    /// Adds or replaces a webhook, without a check of its revision.
    pub fn put_delivery(&self, delivery: &Delivery) {
        self.state().deliveries.insert(delivery.id.to_string(), delivery.clone());
    }

    pub fn put_key(&self, record: KeyRecord) {
        self.state().keys.insert(record.id.to_string(), record);
    }

    pub fn put_limits(&self, client: &ClientId, limits: Limits) {
        self.state().limits.insert(client.clone(), limits);
    }

    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<KeyRecord> {
        self.state().keys.get(&id.to_string()).cloned()
    }

    #[must_use]
    pub fn job(&self, id: JobId) -> Option<Job> {
        self.state().jobs.get(&id).cloned()
    }

    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        self.state().jobs.values().cloned().collect()
    }

    /// Returns all webhooks, in the order of their ids.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.state().deliveries.values().cloned().collect()
    }

    #[must_use]
    pub fn object_keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    /// Returns all sent messages, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.state().sent.clone()
    }

    /// Returns the names of all calls of ports, in order, including the failed ones.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        self.state().calls.clone()
    }
}

impl State {
    fn check_readable(&self, id: &impl std::fmt::Display) -> Result<(), StoreError> {
        let unreadable = self.unreadable.contains(&id.to_string());
        if unreadable { Err(StoreError::Unreadable("unknown variant".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl JobStore for Memory {
    async fn load(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let state = self.call("load")?;
        state.check_readable(&id)?;
        Ok(state.jobs.get(&id).cloned())
    }

    async fn load_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        let state = self.call("load_many")?;
        ids.iter().try_for_each(|id| state.check_readable(id))?;
        Ok(ids.iter().map(|id| state.jobs.get(id).cloned()).collect())
    }

    async fn save(&self, job: &mut Job, delivery: Option<&Delivery>) -> Result<(), StoreError> {
        let mut state = self.call("save")?;
        if state.jobs.get(&job.id).map_or(0, |row| row.revision) != job.revision {
            return Err(StoreError::Conflict);
        }
        job.revision += 1;
        state.jobs.insert(job.id, job.clone());
        if let Some(delivery) = delivery {
            let mut delivery = delivery.clone();
            delivery.revision = 1;
            state.deliveries.insert(delivery.id.to_string(), delivery);
        }
        Ok(())
    }
}

#[async_trait]
impl BatchStore for Memory {
    async fn load_batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        let state = self.call("load_batch")?;
        state.check_readable(&id)?;
        Ok(state.batches.get(&id).cloned())
    }

    async fn save_batch(&self, batch: &mut Batch) -> Result<(), StoreError> {
        let mut state = self.call("save_batch")?;
        if state.batches.get(&batch.id).map_or(0, |row| row.revision) != batch.revision {
            return Err(StoreError::Conflict);
        }
        batch.revision += 1;
        state.batches.insert(batch.id, batch.clone());
        Ok(())
    }
}

#[async_trait]
impl JobList for Memory {
    async fn list_jobs(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        limit: u8,
    ) -> Result<JobPage, StoreError> {
        let state = self.call("list_jobs")?;
        let wanted = |job: &&Job| {
            job.client_id == filter.client
                && filter.user.is_none_or(|user| user == job.user_id)
                && filter.status.is_none_or(|status| status == job.status)
                && after.is_none_or(|after| job.id.uuid() < after.uuid())
        };
        let mut ids: Vec<_> = state.jobs.values().filter(wanted).map(|job| job.id).collect();
        ids.sort_by_key(|id| std::cmp::Reverse(id.uuid()));
        let more = ids.len() > usize::from(limit);
        ids.truncate(usize::from(limit));
        let next = ids.last().copied().filter(|_| more);
        Ok(JobPage { ids, next })
    }
}

#[async_trait]
impl DeliveryStore for Memory {
    async fn load_delivery(&self, _: JobId, id: WebhookId) -> Result<Option<Delivery>, StoreError> {
        let state = self.call("load_delivery")?;
        state.check_readable(&id)?;
        let found = state.deliveries.get(&id.to_string()).cloned();
        Ok(found.filter(|delivery| delivery.expires_at > Timestamp::now()))
    }

    async fn save_delivery(&self, delivery: &mut Delivery) -> Result<(), StoreError> {
        let mut state = self.call("save_delivery")?;
        let id = delivery.id.to_string();
        if state.deliveries.get(&id).map_or(0, |row| row.revision) != delivery.revision {
            return Err(StoreError::Conflict);
        }
        delivery.revision += 1;
        state.deliveries.insert(id, delivery.clone());
        Ok(())
    }
}

#[async_trait]
impl DueIndex for Memory {
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Due>, StoreError> {
        let state = self.call("due")?;
        let jobs = state.jobs.values().filter_map(|job| Some((job.due_at?, Due::Job(job.id))));
        let deliveries = state
            .deliveries
            .values()
            .filter(|delivery| !delivery.held)
            .filter_map(|delivery| Some((delivery.due_at?, Due::Delivery(delivery.job_id, delivery.id))));
        let batches = state.batches.values().filter_map(|batch| Some((batch.due_at?, Due::Batch(batch.id))));
        let endpoints = state
            .endpoints
            .iter()
            .filter_map(|(id, row)| Some((row.due_at?, Due::WebhookEndpoint(id.clone()))));
        let mut due: Vec<_> =
            jobs.chain(deliveries).chain(batches).chain(endpoints).filter(|(at, _)| *at <= now).collect();
        due.sort_by_key(|(at, _)| *at);
        due.truncate(limit as usize);
        Ok(due.into_iter().map(|(_, due)| due).collect())
    }

    async fn postpone(&self, due: &Due, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let mut state = self.call("postpone")?;
        let due_at = match due {
            Due::Job(id) => state.jobs.get_mut(id).map(|job| &mut job.due_at),
            Due::Delivery(_, id) => {
                state.deliveries.get_mut(&id.to_string()).map(|delivery| &mut delivery.due_at)
            }
            Due::Batch(id) => state.batches.get_mut(id).map(|batch| &mut batch.due_at),
            Due::WebhookEndpoint(id) => state.endpoints.get_mut(id).map(|endpoint| &mut endpoint.due_at),
        };
        let until = now + postponement(0);
        Ok(due_at.filter(|at| at.is_some_and(|at| at <= now)).map(|at| *at.insert(until)))
    }
}

#[async_trait]
impl JobQueue for Memory {
    async fn send(
        &self,
        message: &JobMessage,
        priority: Priority,
        _: &ClientId,
        delay: Duration,
    ) -> Result<(), StoreError> {
        self.call("send")?.sent.push(Sent::Job(message.clone(), priority, delay));
        Ok(())
    }

    /// Sends each message as a call of its own: `fail_next("send_one")` makes one of them fail.
    async fn send_many(&self, jobs: &[Job]) -> Vec<(JobId, StoreError)> {
        if let Err(error) = self.call("send_many") {
            return jobs.iter().map(|job| (job.id, error.clone())).collect();
        }
        let mut failed = Vec::new();
        for job in jobs {
            match self.call("send_one") {
                Ok(mut state) => {
                    state.sent.push(Sent::Job(JobMessage::about(job), job.priority, Duration::ZERO))
                }
                Err(error) => failed.push((job.id, error)),
            }
        }
        failed
    }
}

#[async_trait]
impl WebhookQueue for Memory {
    async fn send_webhook(
        &self,
        message: &WebhookMessage,
        _: &ClientId,
        delay: Duration,
    ) -> Result<(), StoreError> {
        self.call("send_webhook")?.sent.push(Sent::Webhook(message.clone(), delay));
        Ok(())
    }
}

#[async_trait]
impl KeyStore for Memory {
    async fn find(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        Ok(self.call("find")?.keys.get(&id.to_string()).cloned())
    }

    async fn limits(&self, client: &ClientId) -> Result<Limits, StoreError> {
        Ok(self.call("limits")?.limits.get(client).cloned().unwrap_or_default())
    }
}

#[async_trait]
impl SecretSource for Memory {
    async fn read(&self) -> Result<Secret, StoreError> {
        drop(self.call("read")?);
        Ok(Secret::new(r#"{"sandbox":{}}"#))
    }

    async fn refresh(&self) -> Result<Secret, StoreError> {
        drop(self.call("refresh")?);
        Ok(Secret::new(r#"{"sandbox":{}}"#))
    }
}
