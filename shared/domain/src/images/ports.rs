//! The bucket of images.

#![warn(missing_docs)]

use crate::images::stored_image::{ImageFormat, ImageOrigin};
use crate::store::StoreError;
use async_trait::async_trait;
use bytes::Bytes;

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
