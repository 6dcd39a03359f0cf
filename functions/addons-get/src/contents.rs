//! The contents that this function has read.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use domain::Error;
use domain::addons::{AddonContents, ContentCoding, Form, Release};
use domain::primitives::sha256_hex;
use domain::store::StoreError;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tracing::error;

use crate::cache::ByteCache;

/// The most bytes of contents that are kept.
const LIMIT: usize = 32 * 1024 * 1024;
/// How many contents are read side by side.
const CONCURRENCY: usize = 16;

/// The store of contents, with a cache.
pub(crate) struct Contents<'a> {
    store: &'a dyn AddonContents,
    cache: Mutex<ByteCache<(String, ContentCoding)>>,
}

impl<'a> Contents<'a> {
    pub(crate) fn new(store: &'a dyn AddonContents) -> Self {
        Self { store, cache: Mutex::new(ByteCache::new(LIMIT)) }
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, ByteCache<(String, ContentCoding)>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the content of a form of a release.
    pub(crate) async fn get(
        &self,
        release: &Release,
        form: &Form,
        coding: ContentCoding,
    ) -> Result<Bytes, Error> {
        let key = (form.hash.clone(), coding);
        if let Some(bytes) = self.cache().get(&key) {
            return Ok(bytes);
        }
        let bytes = self.store.get(release.content.publication, &form.hash, coding).await?;
        // What is compressed is checked by whoever unpacks it; its hash is in the response.
        let right = |bytes: &Bytes| coding != ContentCoding::Identity || sha256_hex(bytes) == form.hash;
        let Some(bytes) = bytes.filter(right) else {
            error!(alarm = "addon_spoilt", addon = %release.addon_id, version = %release.version, ?coding, "stored content is missing or spoilt");
            return Err(StoreError::Unavailable("the content of an addon is missing or spoilt".into()).into());
        };
        self.cache().put(key, bytes.clone());
        Ok(bytes)
    }

    /// Returns the minified contents of releases, in their order, as text.
    pub(crate) async fn minified(&self, releases: &[&Release]) -> Result<Vec<String>, Error> {
        let reads: Vec<_> = releases.iter().map(|release| self.minified_text(release)).collect();
        stream::iter(reads).buffered(CONCURRENCY).try_collect().await
    }

    async fn minified_text(&self, release: &Release) -> Result<String, Error> {
        let bytes = self.get(release, &release.content.minified, ContentCoding::Identity).await?;
        String::from_utf8(bytes.into()).map_err(Error::internal)
    }
}
