//! Decodes the bytes that a provider sent. Format and size are taken from the bytes alone, not from the
//! content type that the provider stated, nor from the size that was requested.

use std::io::ErrorKind;

use domain::images::ImageFormat;
use domain::primitives::sha256_hex;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder as _, ImageReader, Limits};

use crate::error::{ImageError, corrupt};
use crate::memory::MemoryLimitedReader;
use crate::{cicp, jpeg, png_end, webp};

/// Limit of width and of height, in pixels.
pub const MAX_SIDE: u32 = 8192;
/// Limit of an image with 8 bits a channel, in pixels. The largest image that a provider is known to send
/// is a grid of four images of 2912 by 1632. `tests/cost.rs` measures the memory that images at this limit
/// take.
pub const MAX_PIXELS: u64 = 20_000_000;
/// Limit of an image with 16 bits a channel, in pixels.
pub const MAX_PIXELS_16_BIT: u64 = 5_000_000;
/// Limit of an encoded image, in bytes. Decoders hold them up to three times.
pub const MAX_IMAGE_BYTES: usize = 40 * 1024 * 1024;
/// Limit of a color profile, in bytes; a longer one is dropped. Usual profiles have some kilobytes, and the
/// profile is written into every image and thumbnail.
pub(crate) const MAX_PROFILE_BYTES: usize = 1024 * 1024;
/// Limit of the metadata of a PNG, in bytes after decompression.
const MAX_METADATA_BYTES: u64 = 8 * 1024 * 1024;
/// Limit of the memory that the process may allocate while a decoder reads, in bytes. The limits of pixels
/// and bytes do not cover all of it, and the decoders do not limit it themselves.
const MAX_DECODER_MEMORY: u64 = 320 * 1024 * 1024;

#[derive(Debug, Clone)]
pub struct DecodedImage {
    /// The format of the bytes themselves, which may differ from the content type that the provider stated.
    pub format: ImageFormat,
    /// In pixels, after the EXIF orientation is applied.
    pub width: u32,
    /// In pixels, after the EXIF orientation is applied.
    pub height: u32,
    /// Whether the encoded image is rotated or mirrored, with an EXIF orientation that says so.
    pub(crate) oriented: bool,
    /// The ICC color profile.
    pub(crate) profile: Option<Vec<u8>>,
    pub(crate) pixels: DynamicImage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedImage {
    pub format: ImageFormat,
    pub bytes: bytes::Bytes,
}

/// Decodes all pixels, so that a truncated image is detected.
///
/// # Errors
///
/// If the bytes are not a complete image within the limits.
pub fn decode(bytes: &[u8]) -> Result<DecodedImage, ImageError> {
    if bytes.len() > MAX_IMAGE_BYTES {
        return Err(ImageError::TooLarge);
    }
    let (format, decoder_format) = format_of(bytes).ok_or(ImageError::UnsupportedFormat)?;
    match format {
        ImageFormat::Jpeg => match jpeg::end(bytes) {
            jpeg::End::Marked => {}
            jpeg::End::Unmarked => return decode_unmarked_jpeg(bytes, decoder_format),
            jpeg::End::TooEarly => return Err(too_early()),
        },
        ImageFormat::Webp => webp::check(bytes)?,
        ImageFormat::Png => return decode_as(&png_end::ended(bytes), format, decoder_format),
    }
    decode_as(bytes, format, decoder_format)
}

/// Decodes a JPEG that has no end marker, if it is whole.
fn decode_unmarked_jpeg(bytes: &[u8], decoder: image::ImageFormat) -> Result<DecodedImage, ImageError> {
    let [one, other] = jpeg::with_other_ends(bytes);
    let decode = |bytes: &[u8]| decode_as(bytes, ImageFormat::Jpeg, decoder);
    // Only a hash is kept of the first, because its pixels take much memory.
    let hash = |image: &DecodedImage| sha256_hex(image.pixels.as_bytes());
    let expected = hash(&decode(&one)?);
    let image = decode(&other)?;
    if hash(&image) == expected { Ok(image) } else { Err(too_early()) }
}

fn too_early() -> ImageError {
    ImageError::Corrupt("the JPEG ends too early".to_owned())
}

fn decode_as(
    bytes: &[u8],
    format: ImageFormat,
    decoder_format: image::ImageFormat,
) -> Result<DecodedImage, ImageError> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    // Of the three decoders only that of PNG respects this limit, and only for metadata.
    limits.max_alloc = Some(MAX_METADATA_BYTES);
    let mut reader =
        ImageReader::with_format(MemoryLimitedReader::new(bytes, MAX_DECODER_MEMORY), decoder_format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(decode_error)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > max_pixels(decoder.color_type()) {
        return Err(ImageError::TooLarge);
    }
    // An unreadable profile or orientation is ignored: it does not make the image unusable.
    let mut profile =
        decoder.icc_profile().ok().flatten().filter(|profile| profile.len() <= MAX_PROFILE_BYTES);
    let orientation = match format {
        // No browser turns a WebP.
        ImageFormat::Webp => Orientation::NoTransforms,
        ImageFormat::Jpeg | ImageFormat::Png => decoder.orientation().unwrap_or(Orientation::NoTransforms),
    };
    let mut pixels = DynamicImage::from_decoder(decoder).map_err(decode_error)?;
    pixels.apply_orientation(orientation);
    // It takes precedence over a profile.
    if format == ImageFormat::Png
        && let Some(space) = cicp::color_space(bytes)
        && cicp::to_srgb(&mut pixels, space)
    {
        profile = None;
    }
    Ok(DecodedImage {
        format,
        width: pixels.width(),
        height: pixels.height(),
        oriented: orientation != Orientation::NoTransforms,
        profile,
        pixels,
    })
}

fn max_pixels(color: ColorType) -> u64 {
    if color.bytes_per_pixel() > color.channel_count() { MAX_PIXELS_16_BIT } else { MAX_PIXELS }
}

fn decode_error(error: image::ImageError) -> ImageError {
    match error {
        image::ImageError::Limits(_) => ImageError::TooLarge,
        image::ImageError::IoError(error) if error.kind() == ErrorKind::OutOfMemory => ImageError::TooLarge,
        image::ImageError::Decoding(_)
        | image::ImageError::Encoding(_)
        | image::ImageError::Parameter(_)
        | image::ImageError::Unsupported(_)
        | image::ImageError::IoError(_) => corrupt(error),
    }
}

/// Whether the end is there that the format of the bytes wants. One that lacks it may be whole all the same.
pub(crate) fn is_ended(bytes: &[u8]) -> bool {
    match format_of(bytes) {
        Some((ImageFormat::Png, _)) => png_end::is_ended(bytes),
        Some((ImageFormat::Jpeg, _)) => jpeg::end(bytes) == jpeg::End::Marked,
        Some((ImageFormat::Webp, _)) => webp::is_ended(bytes),
        None => false,
    }
}

/// Whether the first bytes are those of a format that [`decode`] reads.
#[must_use]
pub fn is_supported(bytes: &[u8]) -> bool {
    format_of(bytes).is_some()
}

/// Detects the format by the first bytes.
fn format_of(bytes: &[u8]) -> Option<(ImageFormat, image::ImageFormat)> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some((ImageFormat::Png, image::ImageFormat::Png))
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some((ImageFormat::Jpeg, image::ImageFormat::Jpeg))
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some((ImageFormat::Webp, image::ImageFormat::WebP))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
