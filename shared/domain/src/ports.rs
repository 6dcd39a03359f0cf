//! What the rules need from the outside. The crates `aws` and `providers` supply it; `testkit` fakes it.

mod webhooks;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::access::{Caller, KeyRecord};
use crate::api_key::KeySummary;
use crate::batch::Batch;
use crate::chat::{ChatTask, Message, Page, Recent, Session, Turn};
use crate::client::ClientId;
use crate::delivery::Delivery;
use crate::health::Sighting;
use crate::id::{BatchId, JobId, KeyId, MessageId, SessionId, TraceId, UserId, WebhookId};
use crate::idempotency::{Claim, FirstAnswer, IdempotencyKey};
use crate::image::{ImageFormat, ImageOrigin};
use crate::job::Job;
use crate::limit::{Counted, Endpoint, Limits};
use crate::pace;
use crate::provider::{Bounds, GeneratedImage, ImageTask, ProviderError, Reason, Step, Unable};
use crate::receiver::ReceiverId;
use crate::request::{Picture, Priority};
use crate::secret::Secret;
use crate::status::JobStatus;
use crate::sunset::Sunset;
use crate::traffic::Traffic;

pub use webhooks::{
    DeliveryKey, DeliveryList, DeliveryPage, HostPlace, HostPlaces, ParkedPage, ReceiverStore,
    SecretGenerations,
};

/// Why a store or a queue did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the row first: read again and obey.
    #[error("the row has changed since it was read")]
    Conflict,
    /// It did not answer, or not as it should: the same call may pass later.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for crate::Error {
    fn from(error: StoreError) -> Self {
        Self::Unavailable { cause: error.to_string(), retry_after: Duration::from_secs(1) }
    }
}

/// The jobs and what is owed because of them.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// The job, as it is now (a strongly consistent read); none that has expired.
    async fn load(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// These jobs in this order, each as [`Self::load`] gives it, in as few calls as can be.
    async fn load_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError>;

    /// Writes the job and what is owed because of this very change, all or nothing, on the condition
    /// that the row still has the revision that `job` was read with (none, for a new job). `job` then
    /// has the new one.
    async fn save(&self, job: &mut Job, owed: Option<&Delivery>) -> Result<(), StoreError>;
}

/// The batches.
#[async_trait]
pub trait BatchStore: Send + Sync {
    /// The batch, as it is now (a strongly consistent read); none that has expired.
    async fn load_batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError>;

    /// Writes the batch on the condition that the row still has the revision it was read with (none,
    /// for a new batch).
    async fn save_batch(&self, batch: &mut Batch) -> Result<(), StoreError>;
}

/// Which jobs are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFilter {
    /// Whose.
    pub client: ClientId,
    /// For whom; for anybody, if left out.
    pub user: Option<UserId>,
    /// How they stand; in any way, if left out.
    pub status: Option<JobStatus>,
}

/// Some of the jobs that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobPage {
    /// The jobs, the newest first.
    pub ids: Vec<JobId>,
    /// After which job the next page begins, if there may be one.
    pub next: Option<JobId>,
}

/// Finds jobs without scanning anything.
#[async_trait]
pub trait JobList: Send + Sync {
    /// At most `limit` jobs that are older than `after`, the newest first. The work is bounded: where
    /// few jobs match, a page may hold fewer than `limit`, or none, and still have a next one. The
    /// index may lag behind the rows.
    async fn list_jobs(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        limit: u8,
    ) -> Result<JobPage, StoreError>;
}

/// The webhooks that are owed.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// The delivery, as it is now (a strongly consistent read); none that has expired.
    async fn load_delivery(&self, job: JobId, id: WebhookId) -> Result<Option<Delivery>, StoreError>;

    /// Writes the delivery on the condition that the row still has the revision it was read with.
    async fn save_delivery(&self, delivery: &mut Delivery) -> Result<(), StoreError>;
}

/// Something that the sweeper must look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// A job.
    Job(JobId),
    /// A webhook.
    Delivery(JobId, WebhookId),
    /// A batch some of whose jobs may have no row yet.
    Batch(BatchId),
    /// A URL of webhooks that is switched off, or was.
    Receiver(ReceiverId),
}

/// Finds what is due without scanning anything.
#[async_trait]
pub trait DueIndex: Send + Sync {
    /// What is due at `now`, the longest overdue first, at most `limit` from each part of the index.
    /// The index may lag behind the rows: the condition is to be checked again on the row.
    async fn due(&self, now: crate::Timestamp, limit: u32) -> Result<Vec<Due>, StoreError>;
}

/// Wakes a worker for a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum JobMessage {
    /// The first version.
    #[serde(rename = "1", rename_all = "camelCase")]
    V1 {
        /// Which job.
        job_id: JobId,
        /// The trace of the request that started it.
        trace_id: TraceId,
    },
}

impl JobMessage {
    /// The message about `job`.
    #[must_use]
    pub const fn about(job: &Job) -> Self {
        Self::V1 { job_id: job.id, trace_id: job.trace_id }
    }
}

/// The queues that wake workers.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Sends a message that is seen after `delay` (at most 900 s). `client` keeps the queue fair between tenants.
    async fn send(
        &self,
        message: &JobMessage,
        priority: Priority,
        client: &ClientId,
        delay: Duration,
    ) -> Result<(), StoreError>;

    /// Sends the messages about these jobs, ten in a call, to be seen at once. Gives back the jobs
    /// whose message was not taken, and why.
    async fn send_many(&self, jobs: &[Job]) -> Vec<(JobId, StoreError)>;
}

/// The longest delay that a queue keeps (SQS: 15 minutes).
pub const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// Wakes a sender for a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum WebhookMessage {
    /// The first version.
    #[serde(rename = "1", rename_all = "camelCase")]
    V1 {
        /// The job it tells of.
        job_id: JobId,
        /// Which webhook.
        webhook_id: WebhookId,
        /// The trace of the request that started the job.
        trace_id: TraceId,
    },
}

impl WebhookMessage {
    /// The message about `delivery`.
    #[must_use]
    pub const fn about(delivery: &Delivery) -> Self {
        Self::V1 { job_id: delivery.job_id, webhook_id: delivery.id, trace_id: delivery.trace_id }
    }
}

/// The queue that wakes senders.
#[async_trait]
pub trait WebhookQueue: Send + Sync {
    /// Sends a message that is seen after `delay` (at most [`LONGEST_DELAY`]). `client` keeps the queue
    /// fair between tenants.
    async fn send_webhook(
        &self,
        message: &WebhookMessage,
        client: &ClientId,
        delay: Duration,
    ) -> Result<(), StoreError>;
}

/// An image in the store, with what its provider said of it.
#[derive(Debug, Clone)]
pub struct ImageObject {
    /// The encoded image.
    pub bytes: Bytes,
    /// Where it comes from; unknown if the object does not say.
    pub origin: Option<ImageOrigin>,
}

/// Where images lie.
#[async_trait]
pub trait ImageStore: Send + Sync {
    /// Stores an image, to be served with its type and cached for good. `origin` is kept with it, so
    /// that a worker that takes over knows what the dead one paid for.
    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        format: ImageFormat,
        origin: Option<&ImageOrigin>,
    ) -> Result<(), StoreError>;

    /// The image, if it is there.
    async fn get(&self, key: &str) -> Result<Option<ImageObject>, StoreError>;

    /// Every key that begins with `prefix`.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// Deletes these; a key that is not there is no error.
    async fn delete(&self, keys: &[String]) -> Result<(), StoreError>;
}

/// The API keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// What is stored of the key, revoked or not. May be some seconds old.
    async fn find(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError>;

    /// The limits that a client has of its own. May be some seconds old.
    async fn limits(&self, client: &ClientId) -> Result<Limits, StoreError>;
}

/// Where API keys are managed.
#[async_trait]
pub trait KeyRegistry: Send + Sync {
    /// Stores a new key.
    async fn add(&self, record: &KeyRecord) -> Result<(), StoreError>;

    /// What is stored of the key, as it is now (a strongly consistent read).
    async fn current(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError>;

    /// All keys of a client, the oldest first. The list may lag behind the rows.
    async fn keys_of(&self, client: &ClientId) -> Result<Vec<KeySummary>, StoreError>;

    /// Ends a key for good, unless it is revoked already.
    async fn revoke(&self, id: KeyId, at: crate::Timestamp) -> Result<(), StoreError>;

    /// Stores `new` and lets `old` end at `old_ends`, all or nothing, on the condition that `old` still
    /// ends when it did, and is not revoked.
    async fn rotate(
        &self,
        old: &KeyRecord,
        old_ends: crate::Timestamp,
        new: &KeyRecord,
    ) -> Result<(), StoreError>;

    /// Sets these limits of a client; others that it has stay.
    async fn set_limits(&self, client: &ClientId, limits: &Limits) -> Result<(), StoreError>;
}

/// The counters of rate limits.
#[async_trait]
pub trait LimitStore: Send + Sync {
    /// Counts a request of `caller` to `endpoint`, of which `limit` pass in a window. However many
    /// callers race, exactly that many pass.
    async fn count(
        &self,
        caller: &Caller,
        endpoint: Endpoint,
        limit: u32,
        now: crate::Timestamp,
    ) -> Result<Counted, StoreError>;
}

/// The waits that callers hold open.
#[async_trait]
pub trait WaitStore: Send + Sync {
    /// A place for one more wait of `caller`, which is its own until `until` at the latest; `None` if
    /// it holds [`WAITS`](crate::limit::WAITS) already.
    async fn begin_wait(
        &self,
        caller: &Caller,
        now: crate::Timestamp,
        until: crate::Timestamp,
    ) -> Result<Option<WaitPlace>, StoreError>;

    /// Gives the place back.
    async fn end_wait(&self, caller: &Caller, place: WaitPlace) -> Result<(), StoreError>;
}

/// One of a caller's places to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitPlace {
    /// Which, from 0.
    pub number: usize,
    /// Until when it is taken, which also tells whose it is.
    pub until: crate::Timestamp,
}

/// The `Idempotency-Key`s that were used.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Begins, repeats or refuses the request `fingerprint` under `key`; a run that begins is thought
    /// to be alive until `until`. `owner` names this very run.
    async fn claim(
        &self,
        key: &IdempotencyKey,
        fingerprint: &str,
        owner: uuid::Uuid,
        now: crate::Timestamp,
        until: crate::Timestamp,
    ) -> Result<Claim, StoreError>;

    /// Keeps the answer of the run `owner`, to be given again.
    async fn settle(
        &self,
        key: &IdempotencyKey,
        owner: uuid::Uuid,
        answer: &FirstAnswer,
    ) -> Result<(), StoreError>;

    /// Lets the same request be tried again at once, with the same seed: the run `owner` has failed,
    /// and may have made something.
    async fn release(&self, key: &IdempotencyKey, owner: uuid::Uuid) -> Result<(), StoreError>;

    /// Forgets the key: the run `owner` has failed, and has made nothing for sure.
    async fn forget(&self, key: &IdempotencyKey, owner: uuid::Uuid) -> Result<(), StoreError>;
}

/// How long jobs take.
#[async_trait]
pub trait PaceStore: Send + Sync {
    /// How long a job of this kind takes from its acceptance to its end, by what the last ones took;
    /// nothing, if there were none. May be a minute old.
    async fn expected(&self, kind: pace::Kind) -> Result<Option<Duration>, StoreError>;

    /// Remembers how long `job` took.
    async fn took(&self, kind: pace::Kind, job: JobId, time: Duration) -> Result<(), StoreError>;
}

/// What workers last saw of the providers.
#[async_trait]
pub trait SightingStore: Send + Sync {
    /// Remembers this, in place of what was seen of that provider before.
    async fn saw(&self, sighting: &Sighting) -> Result<(), StoreError>;

    /// What was last seen of each provider.
    async fn sightings(&self) -> Result<Vec<Sighting>, StoreError>;
}

/// What is under way at the providers.
#[async_trait]
pub trait TrafficStore: Send + Sync {
    /// What is under way at this provider, as it is now (a strongly consistent read).
    async fn traffic(&self, provider: &str) -> Result<Traffic, StoreError>;

    /// Writes it on the condition that the row still has the revision it was read with.
    async fn save_traffic(&self, traffic: &mut Traffic) -> Result<(), StoreError>;
}

/// What makers said about the end of their models.
#[async_trait]
pub trait SunsetStore: Send + Sync {
    /// What was last said to `provider`, as it is now (a strongly consistent read).
    async fn sunset(&self, provider: &str) -> Result<Option<Sunset>, StoreError>;

    /// What was last said to each provider.
    async fn sunsets(&self) -> Result<Vec<Sunset>, StoreError>;

    /// Remembers this, in place of what was said to that provider before.
    async fn save_sunset(&self, sunset: &Sunset) -> Result<(), StoreError>;
}

/// Something that can be asked whether it answers.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Asks.
    async fn probe(&self) -> Result<(), StoreError>;
}

/// One secret.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// Its present value; may be some minutes old.
    async fn read(&self) -> Result<Secret, StoreError>;

    /// Its value as it is this moment, for who has reason to think that it has changed. From then on
    /// [`read`](Self::read) gives this one.
    async fn read_anew(&self) -> Result<Secret, StoreError>;
}

/// Why a provider must stop: the images are not wanted any more, or cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the worker wants no more")]
pub struct Stop;

impl From<Stop> for ProviderError {
    fn from(Stop: Stop) -> Self {
        // The worker knows why it stopped; this is only how the provider's call comes back to it.
        Self::new(crate::provider::FaultOf::Ours, Reason::Failed, "stopped by the worker")
    }
}

/// Takes what a provider makes, the moment it is made.
#[async_trait]
pub trait ImageSink: Send + Sync {
    /// Stores image `index` of the job. It may have any size: the worker makes it the one asked for.
    async fn image(&self, index: u8, image: GeneratedImage) -> Result<(), Stop>;

    /// How far the provider has come with all of it, from 0 to 100.
    async fn progress(&self, percent: u8) -> Result<(), Stop>;

    /// Writes down at once what the provider needs to find again the work it has under way, in place
    /// of what it noted before. To be called the moment that work has an id, before anything else.
    async fn note(&self, handle: &str) -> Result<(), Stop>;
}

/// Makes images. It never sleeps: it finishes, or says when to ask it again.
#[async_trait]
pub trait ImageProvider: Send + Sync {
    /// Its name on the wire.
    fn name(&self) -> &'static str;

    /// Whether it can make exactly this: size, count, quality, and a prompt of this length.
    ///
    /// # Errors
    ///
    /// Why not.
    fn fits(&self, picture: &Picture) -> Result<(), Unable>;

    /// How many calls that cost money it will make for `task` at the most: none if it only asks for what
    /// it was paid for already.
    fn calls(&self, task: &ImageTask) -> u32;

    /// How much it bears; nothing, if that need not be counted.
    fn bounds(&self) -> Option<Bounds>;

    /// Makes the missing images of `task` and hands each to `sink` the moment it has it. Tries once.
    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError>;
}

/// Replies in a chat.
#[async_trait]
pub trait ChatProvider: Send + Sync {
    /// Its name in logs.
    fn name(&self) -> &'static str;

    /// What it has to say to all that was said.
    async fn reply(&self, task: &ChatTask) -> Result<String, ProviderError>;
}

/// The chats.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// The session, as it is now (a strongly consistent read); none that has expired.
    async fn session(&self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// The session and its newest messages, at most `limit`, by one such read. A read has a bound of
    /// its own too: of very long messages come fewer.
    async fn recent(&self, id: SessionId, limit: usize) -> Result<Option<Recent>, StoreError>;

    /// A session's messages, at most `limit`, from the oldest or from `after` on.
    async fn page(&self, id: SessionId, after: Option<MessageId>, limit: usize) -> Result<Page, StoreError>;

    /// One message.
    async fn message(&self, session: SessionId, id: MessageId) -> Result<Option<Message>, StoreError>;
}

/// Where turns of chats go.
#[async_trait]
pub trait TurnStore: Send + Sync {
    /// Stores a turn, with the new image job and what is owed for it if there is one: all or nothing.
    /// [`StoreError::Conflict`] if any of it is there already, or if the session that it continues is
    /// no more the same user's.
    async fn save_turn(
        &self,
        turn: &Turn,
        job: Option<(&mut Job, Option<&Delivery>)>,
    ) -> Result<(), StoreError>;
}
