//! The bucket of the addons' contents.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use domain::addons::{AddonContents, ContentCoding, PublicationId};
use domain::store::StoreError;

use crate::errors::{unavailable, unusable};
use crate::keys;

/// The bucket of the addons' contents. Functions alone read it.
#[derive(Debug, Clone)]
pub struct AddonsBucket {
    client: Client,
    bucket: String,
}

impl AddonsBucket {
    #[must_use]
    pub const fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }
}

#[async_trait]
impl AddonContents for AddonsBucket {
    async fn put(
        &self,
        publication: PublicationId,
        hash: &str,
        coding: ContentCoding,
        bytes: Bytes,
    ) -> Result<(), StoreError> {
        let key = keys::addon_content(publication, hash, coding);
        let put = self.client.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(bytes));
        put.send().await.map_err(|error| unavailable("PutObject", error))?;
        Ok(())
    }

    async fn get(
        &self,
        publication: PublicationId,
        hash: &str,
        coding: ContentCoding,
    ) -> Result<Option<Bytes>, StoreError> {
        let key = keys::addon_content(publication, hash, coding);
        let answer = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => {
                return Ok(None);
            }
            Err(error) => return Err(unavailable("GetObject", error)),
        };
        let bytes = answer.body.collect().await.map_err(|error| unusable("GetObject", error))?;
        Ok(Some(bytes.into_bytes()))
    }

    async fn delete(&self, publication: PublicationId) -> Result<(), StoreError> {
        let prefix = keys::addon_contents(publication);
        let mut pages =
            self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| unavailable("ListObjectsV2", error))?;
            for key in page.contents().iter().filter_map(|object| object.key()) {
                let delete = self.client.delete_object().bucket(&self.bucket).key(key);
                delete.send().await.map_err(|error| unavailable("DeleteObject", error))?;
            }
        }
        Ok(())
    }
}
