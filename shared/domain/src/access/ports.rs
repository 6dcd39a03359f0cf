//! The stores behind credentials, rate limits and idempotency keys.

#![warn(missing_docs)]

use crate::access::client::ClientId;
use crate::access::idempotency::{Claim, FirstAnswer, IdempotencyKey};
use crate::access::key_record::{KeyRecord, KeySummary};
use crate::access::principal::Caller;
use crate::access::rate_limit::{Counted, Endpoint, Limits};
use crate::primitives::id::KeyId;
use crate::primitives::secret::Secret;
use crate::store::StoreError;
use async_trait::async_trait;

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
pub trait LongPollStore: Send + Sync {
    /// A place for one more wait of `caller`, which is its own until `until` at the latest; `None` if
    /// it holds [`MAX_LONG_POLLS`](crate::access::rate_limit::MAX_LONG_POLLS) already.
    async fn acquire_long_poll(
        &self,
        caller: &Caller,
        now: crate::Timestamp,
        until: crate::Timestamp,
    ) -> Result<Option<LongPollPermit>, StoreError>;

    /// Gives the place back.
    async fn release_long_poll(&self, caller: &Caller, permit: LongPollPermit) -> Result<(), StoreError>;
}

/// One of a caller's places to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongPollPermit {
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

/// One secret.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// Its present value; may be some minutes old.
    async fn read(&self) -> Result<Secret, StoreError>;

    /// Its value as it is this moment, for who has reason to think that it has changed. From then on
    /// [`read`](Self::read) gives this one.
    async fn refresh(&self) -> Result<Secret, StoreError>;
}
