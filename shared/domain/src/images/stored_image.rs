//! Images in the bucket, and their metadata.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::primitives::id::ImageId;

/// How an image is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImageFormat {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

impl ImageFormat {
    /// The name on the wire, which is also the ending of the object's key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }

    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

/// What a provider reports about an image that it made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageOrigin {
    pub provider: String,
    /// The model that made the image, which may differ from the model that was asked for.
    pub model: String,
    /// The prompt as the provider rewrote it, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised_prompt: Option<String>,
    /// The seed of the provider's random generator, if the provider reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The cost of the image, in millionths of a US dollar.
    #[serde(default)]
    pub cost_micros: u64,
}

/// One stored image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredImage {
    pub id: ImageId,
    /// The number of the image within its job, from 0.
    pub index: u8,
    /// The object's key in the bucket.
    pub key: String,
    /// The thumbnail's key in the bucket.
    pub thumbnail_key: String,
    pub format: ImageFormat,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// The length of the object, in bytes.
    pub size_bytes: u64,
    /// The SHA-256 of the object, in lower-case hex.
    pub sha256: String,
    pub origin: ImageOrigin,
}
