//! The bucket of images.

#![warn(missing_docs)]

use async_trait::async_trait;
use bytes::Bytes;

use crate::images::stored_image::{ImageFormat, ImageOrigin};
use crate::store::StoreError;

/// An image in the store, with what its provider reported about it.
#[derive(Debug, Clone)]
pub struct ImageObject {
    /// The encoded image.
    pub bytes: Bytes,
    /// Where the image comes from; `None` if the object does not say.
    pub origin: Option<ImageOrigin>,
}

/// The store of encoded images. Keys are object keys of the bucket.
#[async_trait]
pub trait ImageStore: Send + Sync {
    /// Stores an image. It is served with its media type and may be cached permanently. `origin` is stored
    /// with it, so that a worker that takes over a job knows what the failed worker paid for; a long
    /// revised prompt may be left out.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        format: ImageFormat,
        origin: Option<&ImageOrigin>,
    ) -> Result<(), StoreError>;

    /// Returns the image; `None` if there is none with this key.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn get(&self, key: &str) -> Result<Option<ImageObject>, StoreError>;

    /// Returns every key that begins with `prefix`.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// Deletes these images. A key without an image is not an error.
    ///
    /// Gives [`StoreError::Unavailable`]; some of the images may be deleted already.
    async fn delete(&self, keys: &[String]) -> Result<(), StoreError>;
}
