//! Typed ids: a job's id cannot be passed where a user's id is expected.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::primitives::source;
use crate::primitives::timestamp::Timestamp;

/// A UUID that identifies one kind of thing. New ids are version 7, so they sort by creation time.
pub struct Id<Kind>(Uuid, PhantomData<fn() -> Kind>);

/// The text is not a UUID in the hyphenated form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID")]
pub struct NotAnId;

/// The kinds of things that have ids. These types mark an [`Id`] and have no values.
pub mod kind {
    /// See [`JobId`](super::JobId).
    pub enum Job {}
    /// See [`BatchId`](super::BatchId).
    pub enum Batch {}
    /// See [`SessionId`](super::SessionId).
    pub enum Session {}
    /// See [`UserId`](super::UserId).
    pub enum User {}
    /// See [`KeyId`](super::KeyId).
    pub enum Key {}
    /// See [`WebhookId`](super::WebhookId).
    pub enum Webhook {}
    /// See [`TraceId`](super::TraceId).
    pub enum Trace {}
    /// See [`ImageId`](super::ImageId).
    pub enum Image {}
    /// See [`BundleId`](super::BundleId).
    pub enum Bundle {}
    /// See [`LeaseId`](super::LeaseId).
    pub enum Lease {}
    /// See [`MessageId`](super::MessageId).
    pub enum Message {}
}

/// One image job.
pub type JobId = Id<kind::Job>;

/// A group of jobs from one request.
pub type BatchId = Id<kind::Batch>;

/// A chat session.
pub type SessionId = Id<kind::Session>;

/// A user of a client. The client chooses the id.
pub type UserId = Id<kind::User>;

/// The public half of an API key.
pub type KeyId = Id<kind::Key>;

/// One webhook event. Every attempt to deliver it has the same id.
pub type WebhookId = Id<kind::Webhook>;

/// Connects the log lines of one request across all functions.
pub type TraceId = Id<kind::Trace>;

/// One stored image.
pub type ImageId = Id<kind::Image>;

/// The addons of one domain in one state of the catalog.
pub type BundleId = Id<kind::Bundle>;

/// One message of a chat.
pub type MessageId = Id<kind::Message>;

/// One lease of a worker on a job, or of a sender on a webhook.
pub type LeaseId = Id<kind::Lease>;

impl<K> Id<K> {
    /// A new version 7 id. It sorts after the ids that this process created before.
    #[must_use]
    pub fn new() -> Self {
        Self(source::new_uuid(), PhantomData)
    }

    /// Derives the id of `what` from `seed`, a version 7 UUID. The same arguments always give the same id.
    /// It has the timestamp of the seed, and it looks random to anyone who does not know both arguments.
    #[must_use]
    pub fn from_seed(seed: Uuid, what: &str) -> Self {
        let digest = Sha256::new().chain_update(seed.as_bytes()).chain_update(what).finalize();
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&seed.as_bytes()[..6]);
        let millis = u64::from_be_bytes(millis);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid(), PhantomData)
    }

    /// Wraps a UUID, for tests and for ids that were created elsewhere.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// When the id was created; `None` if its UUID version has no timestamp.
    #[must_use]
    pub fn at(self) -> Option<Timestamp> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        let millis = seconds.checked_mul(1000)?.checked_add(u64::from(nanos / 1_000_000))?;
        Some(Timestamp::from_millis(i64::try_from(millis).ok()?))
    }

    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl<K> Default for Id<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> FromStr for Id<K> {
    type Err = NotAnId;

    /// Parses only the hyphenated form (RFC 9562, section 4), in upper or lower case. `Uuid` would also
    /// accept braces, `urn:uuid:` and bare hex, and then one id would have several spellings in a path.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if text.len() != 36 {
            return Err(NotAnId);
        }
        Uuid::try_parse(text).map(Self::from_uuid).map_err(|_| NotAnId)
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<K> JsonSchema for Id<K> {
    // Inline, because the name of the field already says whose id it is.
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "uuid"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_holds_its_creation_time() {
        let before = Timestamp::now();
        let at = JobId::new().at().unwrap();
        assert!(before <= at && at <= Timestamp::now());
        let random = Uuid::from_u128(0x0190_b8a0_0000_4000_8000_0000_0000_0001);
        assert_eq!(JobId::from_uuid(random).at(), None);
    }

    #[test]
    fn id_parse_accepts_only_the_hyphenated_form() {
        let id = JobId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        for bad in
            ["", "x", &id.uuid().simple().to_string(), &id.uuid().urn().to_string(), &format!("{{{id}}}")]
        {
            assert_eq!(bad.parse::<JobId>(), Err(NotAnId), "{bad}");
        }
    }

    #[test]
    fn new_ids_are_version_7_and_sort_by_age() {
        let (a, b) = (JobId::new(), JobId::new());
        assert_eq!(a.uuid().get_version_num(), 7);
        assert!(a.to_string() < b.to_string());
    }

    #[test]
    fn id_from_seed_is_stable_and_differs_by_name_and_seed() {
        let seed = Uuid::now_v7();
        let id = |what| JobId::from_seed(seed, what);
        assert_eq!(id("0"), id("0"));
        assert_ne!(id("0"), id("1"));
        assert_ne!(id("0"), JobId::from_seed(Uuid::now_v7(), "0"));
        assert_eq!(id("0").uuid().get_version_num(), 7);
        assert_eq!(id("0").uuid().as_bytes()[..6], seed.as_bytes()[..6], "the timestamp");
    }
}
