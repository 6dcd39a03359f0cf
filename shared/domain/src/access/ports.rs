//! The stores of API keys, rate limits, long polls, idempotency records and secrets.

#![warn(missing_docs)]

use async_trait::async_trait;

use crate::access::client::ClientId;
use crate::access::idempotency::{Claim, FirstAnswer, IdempotencyKey};
use crate::access::key_record::{KeyRecord, KeySummary};
use crate::access::principal::Caller;
use crate::access::rate_limit::{Counted, Endpoint, Limits};
use crate::primitives::id::KeyId;
use crate::primitives::secret::Secret;
use crate::store::StoreError;

/// Reads the API keys and the limits of clients, to authenticate requests. Answers come from a cache.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Returns the record of the key, also of one that has expired or been revoked; `None` if there is no
    /// such key. The record may be 30 seconds old.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn find(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError>;

    /// Returns the client's own limits; empty if it has none. They may be 30 seconds old.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn limits(&self, client: &ClientId) -> Result<Limits, StoreError>;
}

/// Administration of API keys and of the limits of clients.
#[async_trait]
pub trait KeyRegistry: Send + Sync {
    /// Stores a new key. Never overwrites an existing one.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn add(&self, record: &KeyRecord) -> Result<(), StoreError>;

    /// Returns the present record of the key (a strongly consistent read); `None` if there is no such key.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn current(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError>;

    /// Returns all keys of a client, the oldest first, without those that ended more than
    /// [`KEY_RETENTION`](crate::access::key_record::KEY_RETENTION) ago. The list may lag behind the rows.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn keys_of(&self, client: &ClientId) -> Result<Vec<KeySummary>, StoreError>;

    /// Revokes a key permanently from `at` on. Succeeds without a change if the key is already revoked, or
    /// if there is no such key.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn revoke(&self, id: KeyId, at: crate::Timestamp) -> Result<(), StoreError>;

    /// Stores `new` and makes `old` expire at `old_ends`: both or neither.
    ///
    /// Gives [`StoreError::Conflict`] if `old` has been revoked, or if its expiry has changed since it was
    /// read, and [`StoreError::Unavailable`].
    async fn rotate(
        &self,
        old: &KeyRecord,
        old_ends: crate::Timestamp,
        new: &KeyRecord,
    ) -> Result<(), StoreError>;

    /// Sets these limits of a client. Its limits at other endpoints do not change.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn set_limits(&self, client: &ClientId, limits: &Limits) -> Result<(), StoreError>;
}

/// The counters of rate limits.
#[async_trait]
pub trait LimitStore: Send + Sync {
    /// Counts a request of `caller` to `endpoint`. A window admits exactly `limit` requests, also when many
    /// arrive at the same time.
    ///
    /// Gives [`StoreError::Unavailable`], also when the row kept changing while the request was counted.
    async fn count(
        &self,
        caller: &Caller,
        endpoint: Endpoint,
        limit: u32,
        now: crate::Timestamp,
    ) -> Result<Counted, StoreError>;
}

/// The permits of callers for long polls (`Prefer: wait`).
#[async_trait]
pub trait LongPollStore: Send + Sync {
    /// Acquires a permit for one more long poll of `caller`. It expires at `until` if it is not released
    /// before. `None` if the caller already holds
    /// [`MAX_LONG_POLLS`](crate::access::rate_limit::MAX_LONG_POLLS) permits, or all callers together hold
    /// `max_of_all`.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn acquire_long_poll(
        &self,
        caller: &Caller,
        max_of_all: usize,
        now: crate::Timestamp,
        until: crate::Timestamp,
    ) -> Result<Option<LongPollPermit>, StoreError>;

    /// Releases the permit. Does nothing if it has expired and another long poll holds it.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn release_long_poll(&self, caller: &Caller, permit: LongPollPermit) -> Result<(), StoreError>;
}

/// A permit of a caller for one long poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongPollPermit {
    /// From 0, below [`MAX_LONG_POLLS`](crate::access::rate_limit::MAX_LONG_POLLS).
    pub number: usize,
    /// From 0: the number among the permits of all callers.
    pub number_of_all: usize,
    /// When the permit expires, in Unix ms. It also identifies the holder.
    pub until: crate::Timestamp,
}

/// The idempotency records.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Decides whether the request `fingerprint` with `key` runs, is answered from the record, or is
    /// refused. A run that starts counts as alive until `until`. `owner` is the id of this run.
    ///
    /// Gives [`StoreError::Conflict`] if the record disappeared during the call, and
    /// [`StoreError::Unavailable`].
    async fn claim(
        &self,
        key: &IdempotencyKey,
        fingerprint: &str,
        owner: uuid::Uuid,
        now: crate::Timestamp,
        until: crate::Timestamp,
    ) -> Result<Claim, StoreError>;

    /// Stores the response of the run `owner`, to be returned to the same request later. Does nothing if
    /// another run holds the key.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn settle(
        &self,
        key: &IdempotencyKey,
        owner: uuid::Uuid,
        answer: &FirstAnswer,
    ) -> Result<(), StoreError>;

    /// Lets the same request run again at once, with the same seed: the run `owner` has failed, and may
    /// have created something. Does nothing if another run holds the key.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn release(&self, key: &IdempotencyKey, owner: uuid::Uuid) -> Result<(), StoreError>;

    /// Makes the record expire: the run `owner` has failed, and has certainly created nothing. Does nothing
    /// if another run holds the key.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn forget(&self, key: &IdempotencyKey, owner: uuid::Uuid) -> Result<(), StoreError>;
}

/// A secret that can be rotated.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// Returns the value of the secret. It may be 5 minutes old (that of the providers
    /// 40 seconds), and older while the store cannot be read.
    ///
    /// Gives [`StoreError::Unavailable`] if no value has been read yet.
    async fn read(&self) -> Result<Secret, StoreError>;

    /// Reads the present value from the store, for a caller that has reason to think that it has changed.
    /// After that, [`read`](Self::read) returns this value too.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn refresh(&self) -> Result<Secret, StoreError>;
}
