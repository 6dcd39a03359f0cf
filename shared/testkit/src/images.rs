//! [`Memory`] as the store of images.

use async_trait::async_trait;
use bytes::Bytes;
use domain::images::{ImageFormat, ImageObject, ImageOrigin, ImageStore};
use domain::store::StoreError;

use crate::Memory;

#[async_trait]
impl ImageStore for Memory {
    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        _: ImageFormat,
        origin: Option<&ImageOrigin>,
    ) -> Result<(), StoreError> {
        let object = ImageObject { bytes, origin: origin.cloned() };
        self.call("put")?.objects.insert(key.to_owned(), object);
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<ImageObject>, StoreError> {
        Ok(self.call("get")?.objects.get(key).cloned())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let state = self.call("list")?;
        Ok(state.objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect())
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        let mut state = self.call("delete")?;
        for key in keys {
            state.objects.remove(key);
        }
        Ok(())
    }
}
