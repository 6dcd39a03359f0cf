//! The stores of addons.

#![warn(missing_docs)]

use async_trait::async_trait;
use bytes::Bytes;

use crate::addons::catalog::{Addon, Catalog, Generation};
use crate::addons::release::{PublicationId, Release};
use crate::primitives::timestamp::Timestamp;
use crate::store::StoreError;

/// Reads the catalog.
#[async_trait]
pub trait AddonReader: Send + Sync {
    /// Returns the present generation (a strongly consistent read of one small row).
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn generation(&self) -> Result<Generation, StoreError>;

    /// Reads all addons: one consistent state, not older than the call.
    ///
    /// Gives [`StoreError::Conflict`] if the catalog kept changing during the read, and
    /// [`StoreError::Unavailable`].
    async fn load(&self) -> Result<Catalog, StoreError>;
}

/// Changes the catalog. A change is made only if the catalog is still of the generation that was read, so that what was
/// checked is what is changed.
#[async_trait]
pub trait AddonRegistry: AddonReader {
    /// Remembers that content is being stored under `publication`, before it is stored, so that it is deleted again if
    /// nothing comes of it.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn begin(&self, publication: PublicationId, now: Timestamp) -> Result<(), StoreError>;

    /// Adds a version. `addon` is its addon with the version in it.
    ///
    /// Gives [`StoreError::Conflict`] if the catalog is of another generation, if the version's number is taken, or
    /// if the publication was given up, and [`StoreError::Unavailable`].
    async fn publish(
        &self,
        read: Generation,
        addon: &Addon,
        release: &Release,
        now: Timestamp,
    ) -> Result<Generation, StoreError>;

    /// Stores the standings of the addon's versions. The content of `garbage` is deleted later.
    ///
    /// Gives [`StoreError::Conflict`] if the catalog is of another generation, and [`StoreError::Unavailable`].
    async fn change(
        &self,
        read: Generation,
        addon: &Addon,
        garbage: Option<&Garbage>,
        now: Timestamp,
    ) -> Result<Generation, StoreError>;

    /// Returns some of what became garbage before `before`.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn garbage(&self, before: Timestamp) -> Result<Vec<Garbage>, StoreError>;

    /// Forgets garbage whose content is deleted. A publication among it cannot be completed any more.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn forget(&self, garbage: &Garbage) -> Result<(), StoreError>;
}

/// Content that no version has any more, or none has yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garbage {
    /// Of a publication that has begun, its own id.
    pub id: PublicationId,
    /// Whose content it is.
    pub publications: Vec<PublicationId>,
}

/// How stored content is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentCoding {
    /// Not at all.
    Identity,
    /// gzip, RFC 1952.
    Gzip,
    /// Brotli, RFC 7932.
    Brotli,
}

/// The contents of versions, by publication, hash and coding.
#[async_trait]
pub trait AddonContents: Send + Sync {
    /// Returns content; `None` if there is none.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn get(
        &self,
        publication: PublicationId,
        hash: &str,
        coding: ContentCoding,
    ) -> Result<Option<Bytes>, StoreError>;
}

/// Changes the contents. Apart from [`AddonContents`], so that a function which only reads does not link it.
#[async_trait]
pub trait AddonContentStore: AddonContents {
    /// Stores content.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn put(
        &self,
        publication: PublicationId,
        hash: &str,
        coding: ContentCoding,
        bytes: Bytes,
    ) -> Result<(), StoreError>;

    /// Deletes all content of a publication.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn delete(&self, publication: PublicationId) -> Result<(), StoreError>;
}
