//! Looks into the bytes that a provider sent. Only what they decode to is believed: not their label, and
//! not the size that was asked for.

use std::io::ErrorKind;

use domain::images::ImageFormat;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder as _, ImageError, ImageReader, Limits};

use crate::metered::Metered;
use crate::webp;

/// The longest side that a picture may have, in pixels.
pub const LONGEST_SIDE: u32 = 8192;
/// The most pixels that a picture may have: the largest that is known to come is a grid of four
/// pictures of 2912 by 1632. `tests/cost.rs` tells what pictures of that many take.
pub const MOST_PIXELS: u64 = 20_000_000;
/// The same for pictures of 16 bits a channel.
pub const MOST_DEEP_PIXELS: u64 = 5_000_000;
/// The most bytes that a picture may have as it comes. Decoders hold them up to three times.
pub const MOST_BYTES: usize = 40 * 1024 * 1024;
/// The longest colour profile that is kept; known ones have some kilobytes, and it is written into every
/// image and thumbnail.
pub(crate) const MOST_PROFILE: usize = 1024 * 1024;
/// What a PNG's notes may take once they are unpacked.
const NOTES: u64 = 8 * 1024 * 1024;
/// What decoding may take beside what its pixels and bytes account for, which decoders do not bound.
const DECODING: u64 = 320 * 1024 * 1024;

/// Why bytes are no picture for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPicture {
    /// They begin like no PNG, JPEG or WebP.
    #[error("neither PNG, JPEG nor WebP")]
    UnknownFormat,
    /// The picture is larger than the limits of decoding.
    #[error("a picture of more pixels than are decoded")]
    TooLarge,
    /// They end too early, or are not what they begin as.
    #[error("cannot be decoded: {0}")]
    Broken(String),
}

/// A picture, decoded once.
#[derive(Debug, Clone)]
pub struct Picture {
    /// How the bytes are really encoded, whatever their label said.
    pub format: ImageFormat,
    /// Pixels across, as it is to be seen.
    pub width: u32,
    /// Pixels down, as it is to be seen.
    pub height: u32,
    /// Whether the bytes hold it turned or mirrored, and say so in their EXIF.
    pub(crate) turned: bool,
    /// The colour profile that its pixels are to be understood by.
    pub(crate) profile: Option<Vec<u8>>,
    pub(crate) pixels: DynamicImage,
}

/// An encoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// How it is encoded.
    pub format: ImageFormat,
    /// The encoded picture.
    pub bytes: bytes::Bytes,
}

/// Decodes all of it, since a picture that breaks off in the middle is no picture.
///
/// # Errors
/// If the bytes are not a whole picture within the limits.
pub fn inspect(bytes: &[u8]) -> Result<Picture, BadPicture> {
    if bytes.len() > MOST_BYTES {
        return Err(BadPicture::TooLarge);
    }
    let (format, guess) = format_of(bytes).ok_or(BadPicture::UnknownFormat)?;
    match format {
        ImageFormat::Jpeg if !is_whole_jpeg(bytes) => {
            return Err(BadPicture::Broken("the JPEG has no end".to_owned()));
        }
        ImageFormat::Webp => webp::check(bytes)?,
        ImageFormat::Jpeg | ImageFormat::Png => {}
    }
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    // Of the three decoders only that of PNG heeds it, and only for notes.
    limits.max_alloc = Some(NOTES);
    let mut reader = ImageReader::with_format(Metered::new(bytes, DECODING), guess);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(undecodable)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > most_pixels(decoder.color_type()) {
        return Err(BadPicture::TooLarge);
    }
    // Neither is worth refusing a picture for.
    let profile = decoder.icc_profile().ok().flatten().filter(|profile| profile.len() <= MOST_PROFILE);
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut pixels = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    pixels.apply_orientation(orientation);
    Ok(Picture {
        format,
        width: pixels.width(),
        height: pixels.height(),
        turned: orientation != Orientation::NoTransforms,
        profile,
        pixels,
    })
}

fn most_pixels(colour: ColorType) -> u64 {
    if colour.bytes_per_pixel() > colour.channel_count() { MOST_DEEP_PIXELS } else { MOST_PIXELS }
}

fn undecodable(error: ImageError) -> BadPicture {
    match error {
        ImageError::Limits(_) => BadPicture::TooLarge,
        ImageError::IoError(error) if error.kind() == ErrorKind::OutOfMemory => BadPicture::TooLarge,
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::Unsupported(_)
        | ImageError::IoError(_) => broken(error),
    }
}

/// The format that the first bytes tell.
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

/// Whether the end marker comes after the last scan. The decoder paints what is missing grey instead
/// of failing. Within a scan neither marker can occur, and a preview in the header ends before it.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    last([0xff, 0xd9]) > last([0xff, 0xda])
}

pub(crate) fn broken(error: impl std::fmt::Display) -> BadPicture {
    BadPicture::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn encoded(width: u32, height: u32, format: image::ImageFormat) -> Vec<u8> {
        let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 128]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_picture_that_breaks_off_is_an_error() {
        for format in [image::ImageFormat::Png, image::ImageFormat::WebP] {
            let whole = encoded(300, 300, format);
            for length in [whole.len() / 2, 40, 13] {
                assert!(
                    matches!(inspect(&whole[..length]), Err(BadPicture::Broken(_))),
                    "{format:?} {length}"
                );
            }
        }
        let whole = encoded(300, 300, image::ImageFormat::Jpeg);
        assert!(matches!(inspect(&whole[..20]), Err(BadPicture::Broken(_))));
        assert!(matches!(inspect(&whole[..whole.len() / 2]), Err(BadPicture::Broken(_))));
    }

    /// A PNG of some dozens of bytes that says it is that large.
    fn bomb(width: u32, height: u32) -> Vec<u8> {
        let mut header = b"IHDR".to_vec();
        header.extend(width.to_be_bytes());
        header.extend(height.to_be_bytes());
        header.extend([8, 6, 0, 0, 0]);
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
        bytes.extend(&header);
        bytes.extend(crc(&header).to_be_bytes());
        bytes.extend(b"\0\0\0\0IDAT");
        bytes.extend(crc(b"IDAT").to_be_bytes());
        bytes
    }

    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |sum, byte| {
            (0..8)
                .fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
        })
    }

    #[test]
    fn a_decompression_bomb_is_an_error() {
        for (width, height) in
            [(50_000, 50_000), (8193, 1), (1, 8193), (8192, 8192), (8192, 2442), (u32::MAX >> 1, 1)]
        {
            assert_eq!(inspect(&bomb(width, height)).unwrap_err(), BadPicture::TooLarge, "{width}x{height}");
        }
        // The same bytes with an honest size are only broken: the test above sees the size.
        assert!(matches!(inspect(&bomb(64, 64)), Err(BadPicture::Broken(_))));
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        for bytes in [&b""[..], b"{\"error\":\"no\"}", b"<html>", b"GIF89a\x01\0\x01\0", b"RIFF\0\0\0\0WAVE"]
        {
            assert_eq!(inspect(bytes).unwrap_err(), BadPicture::UnknownFormat);
        }
    }
}
