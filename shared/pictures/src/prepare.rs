//! Makes what is stored from the bytes of a provider: the image in the requested size, and its thumbnail.

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::decode::{EncodedImage, decode, is_ended};
use crate::error::{ImageError, corrupt};

/// Decoded pixels take many times the memory of the encoded bytes. Therefore the process decodes only one
/// image at a time.
static DECODE_PERMIT: Semaphore = Semaphore::const_new(1);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedImage {
    /// In the requested size.
    pub image: EncodedImage,
    pub thumbnail: EncodedImage,
    /// The original width and height in pixels, if the image was encoded again.
    pub reencoded_from: Option<(u32, u32)>,
}

/// Decodes the image once, fits it to `size` (in pixels) and makes its thumbnail. This runs on a blocking
/// thread, because it would delay the other tasks of the runtime.
///
/// # Errors
///
/// If the bytes are not a complete image within the limits.
pub async fn prepare(bytes: Bytes, size: (u32, u32)) -> Result<PreparedImage, ImageError> {
    one_at_a_time(move || {
        let fitted = decode(&bytes)?.fit(bytes, size)?;
        let thumbnail = fitted.decoded.thumbnail()?;
        Ok(PreparedImage { image: fitted.encoded, thumbnail, reencoded_from: fitted.reencoded_from })
    })
    .await
}

/// Whether the image has been cut off. It is decoded only if its end is missing.
pub async fn is_cut_off(bytes: Bytes) -> bool {
    !is_ended(&bytes) && one_at_a_time(move || decode(&bytes).map(drop)).await.is_err()
}

/// Runs `work`, which decodes an image, once no other image is being decoded.
pub(crate) async fn one_at_a_time<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
) -> Result<T, ImageError> {
    let permit = DECODE_PERMIT.acquire().await.map_err(corrupt)?;
    // The thread holds the permit: it continues, with its pixels, also if this future is dropped.
    let task = tokio::task::spawn_blocking(move || {
        let result = work();
        drop(permit);
        result
    });
    // A panic of a decoder means that the image is corrupt in a way that the decoder does not handle.
    task.await.map_err(corrupt)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn image_is_cut_off_if_pixels_are_missing() {
        for format in [image::ImageFormat::Png, image::ImageFormat::Jpeg, image::ImageFormat::WebP] {
            let pixels = image::RgbImage::from_fn(300, 300, |x, y| image::Rgb([x as u8, y as u8, 128]));
            let mut whole = std::io::Cursor::new(Vec::new());
            pixels.write_to(&mut whole, format).unwrap();
            let whole = Bytes::from(whole.into_inner());
            assert!(!is_cut_off(whole.clone()).await, "{format:?}");
            assert!(is_cut_off(whole.slice(..whole.len() / 2)).await, "{format:?}");
        }
    }
}
