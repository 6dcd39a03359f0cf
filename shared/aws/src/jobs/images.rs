//! The bucket of images.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::images::{ImageFormat, ImageObject, ImageOrigin, ImageStore};
use domain::store::StoreError;

use crate::errors::{unavailable, unusable};

/// Caches may keep an image permanently: its key is random and written once, so its URL never shows another
/// image.
const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";
/// Name of the user metadata that holds the [`ImageOrigin`].
const ORIGIN: &str = "origin";
/// The most bytes of an encoded origin: S3 takes 2 KB of user metadata, less the name and a margin.
const MAX_ORIGIN_LEN: usize = 1900;

#[derive(Debug, Clone)]
pub struct ImagesBucket {
    client: Client,
    bucket: String,
}

impl ImagesBucket {
    #[must_use]
    pub const fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }
}

/// Encodes an origin as one ASCII header value. If the value is too long, the revised prompt is left out: it
/// is the only part that can be long, and only the recovery of a job reads the origin.
fn encode(origin: &ImageOrigin) -> Result<String, StoreError> {
    let text = |origin: &ImageOrigin| {
        serde_json::to_vec(origin)
            .map(|json| STANDARD.encode(json))
            .map_err(|error| unusable("PutObject", error))
    };
    let whole = text(origin)?;
    if whole.len() <= MAX_ORIGIN_LEN {
        return Ok(whole);
    }
    text(&ImageOrigin { revised_prompt: None, ..origin.clone() })
}

fn decode(text: &str) -> Option<ImageOrigin> {
    serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()
}

#[async_trait]
impl ImageStore for ImagesBucket {
    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        format: ImageFormat,
        origin: Option<&ImageOrigin>,
    ) -> Result<(), StoreError> {
        let mut put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(format.media_type())
            .cache_control(CACHE_CONTROL)
            .body(ByteStream::from(bytes));
        if let Some(origin) = origin {
            put = put.metadata(ORIGIN, encode(origin)?);
        }
        put.send().await.map_err(|error| unavailable("PutObject", error))?;
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<ImageObject>, StoreError> {
        let answer = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => {
                return Ok(None);
            }
            Err(error) => return Err(unavailable("GetObject", error)),
        };
        let origin = answer.metadata().and_then(|all| all.get(ORIGIN)).and_then(|text| decode(text));
        let bytes = answer.body.collect().await.map_err(|error| unusable("GetObject", error))?.into_bytes();
        Ok(Some(ImageObject { bytes, origin }))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut pages =
            self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| unavailable("ListObjectsV2", error))?;
            keys.extend(page.contents().iter().filter_map(|object| object.key()).map(str::to_owned));
        }
        Ok(keys)
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        // A job has at most eight objects. So DeleteObjects would save little, and its answer reports
        // failures only in a list.
        for key in keys {
            self.client
                .delete_object()
                .bucket(&self.bucket)
                .key(key)
                .send()
                .await
                .map_err(|error| unavailable("DeleteObject", error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_encoded_origin_returns_it_and_long_prompt_is_cut() {
        let origin = ImageOrigin {
            provider: "openai".into(),
            model: "m".into(),
            revised_prompt: Some("ein Leuchtturm, größer".into()),
            seed: Some(u64::MAX),
            cost_micros: 40_000,
        };
        assert_eq!(decode(&encode(&origin).unwrap()), Some(origin.clone()));

        let long = ImageOrigin { revised_prompt: Some("ü".repeat(4000)), ..origin.clone() };
        let text = encode(&long).unwrap();
        assert!(text.len() <= MAX_ORIGIN_LEN && text.is_ascii());
        assert_eq!(decode(&text), Some(ImageOrigin { revised_prompt: None, ..origin }));
    }
}
