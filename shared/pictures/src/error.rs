//! Why bytes are not accepted as an image.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The first bytes are not those of a PNG, JPEG or WebP.
    #[error("neither PNG, JPEG nor WebP")]
    UnsupportedFormat,
    /// The image exceeds a limit: bytes, pixels, longest side, or the memory that its decoder takes.
    #[error("the image is larger than the limits allow")]
    TooLarge,
    /// The bytes end too early or cannot be decoded, or the decoded pixels cannot be processed.
    #[error("cannot be decoded: {0}")]
    Corrupt(String),
}

pub(crate) fn corrupt(error: impl std::fmt::Display) -> ImageError {
    ImageError::Corrupt(error.to_string())
}
