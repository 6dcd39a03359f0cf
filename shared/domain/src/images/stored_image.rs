//! Images in the bucket, and what is known about them.

use crate::primitives::id::ImageId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The word on the wire, which also ends the object's key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

/// What a provider says of an image it made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageOrigin {
    /// The provider that made it.
    pub provider: String,
    /// The model that really made it.
    pub model: String,
    /// The prompt as the provider rewrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised_prompt: Option<String>,
    /// The seed it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What it cost, in millionths of a US dollar.
    #[serde(default)]
    pub cost_micros: u64,
}

/// One stored image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredImage {
    /// Its id.
    pub id: ImageId,
    /// Which of the job's images it is, from 0.
    pub index: u8,
    /// The object's key.
    pub key: String,
    /// The thumbnail's key.
    pub thumbnail_key: String,
    /// Its encoding.
    pub format: ImageFormat,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The object's length.
    pub size_bytes: u64,
    /// SHA-256 of the object, in lower-case hex.
    pub sha256: String,
    /// Where it comes from.
    pub origin: ImageOrigin,
}
