//! Looks into the bytes that a provider sent, and makes the small picture that lists show.

use std::io::Cursor;

use domain::image::ImageFormat;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, ImageEncoder as _, ImageError, ImageReader, Limits, codecs};

/// The longest side of a thumbnail, in pixels.
pub const THUMBNAIL_SIDE: u32 = 256;
/// The longest side that a picture may have, in pixels.
pub const LONGEST_SIDE: u32 = 8192;
/// What decoding may take: 8192 by 4096 pixels of four bytes, several times what any provider makes.
const DECODE_BYTES: u64 = 128 * 1024 * 1024;
/// Visibly like the picture at 256 pixels, at about 20 KB.
const JPEG_QUALITY: u8 = 85;

/// Why bytes are no picture for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPicture {
    /// They begin like no PNG, JPEG or WebP.
    #[error("neither PNG, JPEG nor WebP")]
    UnknownFormat,
    /// The picture is larger than the limits of decoding.
    #[error("a picture of more than {LONGEST_SIDE} pixels a side, or too large to decode")]
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
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    pixels: DynamicImage,
}

/// An encoded thumbnail.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    /// How it is encoded.
    pub format: ImageFormat,
    /// The encoded thumbnail.
    pub bytes: Vec<u8>,
}

/// Decodes all of it, since a picture that breaks off in the middle is no picture.
///
/// # Errors
/// If the bytes are not a whole picture within the limits.
pub fn inspect(bytes: &[u8]) -> Result<Picture, BadPicture> {
    let (format, guess) = format_of(bytes).ok_or(BadPicture::UnknownFormat)?;
    if format == ImageFormat::Jpeg && !is_whole_jpeg(bytes) {
        return Err(BadPicture::Broken("the JPEG has no end".to_owned()));
    }
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(DECODE_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), guess);
    reader.limits(limits);
    let pixels = reader.decode().map_err(|error| match error {
        ImageError::Limits(_) => BadPicture::TooLarge,
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::Unsupported(_)
        | ImageError::IoError(_) => BadPicture::Broken(error.to_string()),
    })?;
    Ok(Picture { format, width: pixels.width(), height: pixels.height(), pixels })
}

impl Picture {
    /// The picture with its longest side at most [`THUMBNAIL_SIDE`] pixels: never enlarged.
    ///
    /// A JPEG, because it takes a fifth of what a PNG does and a page of thumbnails is loaded at
    /// once; a PNG only where the picture shows what is behind it, which JPEG cannot.
    ///
    /// # Errors
    /// If its pixels are of a kind that cannot be scaled or encoded.
    pub fn thumbnail(&self) -> Result<Thumbnail, BadPicture> {
        let (width, height) = fitted(self.width, self.height);
        let small = if (width, height) == (self.width, self.height) {
            self.pixels.clone()
        } else {
            let mut small = DynamicImage::new(width, height, self.pixels.color());
            let how = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
            Resizer::new().resize(&self.pixels, &mut small, &how).map_err(broken)?;
            small
        };
        let seen_through =
            small.color().has_alpha() && small.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX);
        let mut bytes = Vec::new();
        let (format, encoded) = if seen_through {
            let encoder = codecs::png::PngEncoder::new(&mut bytes);
            let pixels = small.into_rgba8();
            let kind = image::ExtendedColorType::Rgba8;
            (ImageFormat::Png, encoder.write_image(&pixels, width, height, kind))
        } else {
            let encoder = codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
            let pixels = small.into_rgb8();
            let kind = image::ExtendedColorType::Rgb8;
            (ImageFormat::Jpeg, encoder.write_image(&pixels, width, height, kind))
        };
        encoded.map_err(broken)?;
        Ok(Thumbnail { format, bytes })
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

fn fitted(width: u32, height: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= THUMBNAIL_SIDE {
        return (width, height);
    }
    let scaled = |side: u32| ((side * THUMBNAIL_SIDE + longest / 2) / longest).max(1);
    (scaled(width), scaled(height))
}

fn broken(error: impl std::fmt::Display) -> BadPicture {
    BadPicture::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(width: u32, height: u32, format: image::ImageFormat) -> Vec<u8> {
        let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 128]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn all_three_formats_are_known_by_their_bytes() {
        for (encoder, format) in [
            (image::ImageFormat::Png, ImageFormat::Png),
            (image::ImageFormat::Jpeg, ImageFormat::Jpeg),
            (image::ImageFormat::WebP, ImageFormat::Webp),
        ] {
            let picture = inspect(&encoded(700, 400, encoder)).unwrap();
            assert_eq!((picture.format, picture.width, picture.height), (format, 700, 400));
            let thumbnail = inspect(&picture.thumbnail().unwrap().bytes).unwrap();
            assert_eq!((thumbnail.format, thumbnail.width, thumbnail.height), (ImageFormat::Jpeg, 256, 146));
        }
    }

    #[test]
    fn sizes_fit_and_never_grow() {
        for (size, expected) in [
            ((1024, 1024), (256, 256)),
            ((1024, 1792), (146, 256)),
            ((1024, 576), (256, 144)),
            ((8192, 1), (256, 1)),
            ((200, 100), (200, 100)),
            ((256, 256), (256, 256)),
        ] {
            assert_eq!(fitted(size.0, size.1), expected, "{size:?}");
        }
        let thumbnail = inspect(&encoded(31, 17, image::ImageFormat::Png)).unwrap().thumbnail().unwrap();
        let thumbnail = inspect(&thumbnail.bytes).unwrap();
        assert_eq!((thumbnail.width, thumbnail.height), (31, 17));
    }

    #[test]
    fn what_can_be_seen_through_stays_so() {
        for (alpha, format) in [(90, ImageFormat::Png), (255, ImageFormat::Jpeg)] {
            let picture = image::RgbaImage::from_pixel(400, 300, image::Rgba([10, 200, 30, alpha]));
            let mut bytes = Cursor::new(Vec::new());
            picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
            let thumbnail = inspect(bytes.get_ref()).unwrap().thumbnail().unwrap();
            assert_eq!(thumbnail.format, format);
            assert_eq!(inspect(&thumbnail.bytes).unwrap().format, format);
        }
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
        for (width, height) in [(50_000, 50_000), (8193, 1), (1, 8193), (8192, 8192), (u32::MAX >> 1, 1)] {
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
