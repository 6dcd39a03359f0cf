//! Makes the small picture that lists show.

use domain::images::ImageFormat;
use image::DynamicImage;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;

use crate::picture::{BadPicture, Encoded, Picture};
use crate::resample::{is_seen_through, resampled};

/// The longest side of a thumbnail, in pixels.
pub const THUMBNAIL_SIDE: u32 = 256;
/// Visibly like the picture at 256 pixels, at about 20 KB.
const JPEG_QUALITY: u8 = 85;

impl Picture {
    /// The picture with its longest side at most [`THUMBNAIL_SIDE`] pixels: never enlarged.
    ///
    /// A JPEG, because it takes a fifth of what a PNG does and a page of thumbnails is loaded at
    /// once; a PNG only where the picture shows what is behind it, which JPEG cannot. It keeps the colour
    /// profile: a list that shows other colours than the picture itself looks wrong.
    ///
    /// # Errors
    /// If its pixels are of a kind that cannot be scaled or encoded.
    pub fn thumbnail(&self) -> Result<Encoded, BadPicture> {
        let (width, height) = reduced(self.width, self.height);
        let small = if (width, height) == (self.width, self.height) {
            self.pixels.clone()
        } else {
            resampled(&self.pixels, width, height)?
        };
        let small = if small.color().has_alpha() { DynamicImage::from(small.into_rgba8()) } else { small };
        let (format, pixels) = if is_seen_through(&small) {
            (ImageFormat::Png, small)
        } else if small.color().has_color() {
            (ImageFormat::Jpeg, small.into_rgb8().into())
        } else {
            (ImageFormat::Jpeg, small.into_luma8().into())
        };
        let small = Self { format, width, height, turned: false, profile: self.profile.clone(), pixels };
        let mut bytes = Vec::new();
        if format == ImageFormat::Png {
            small.write(PngEncoder::new(&mut bytes))
        } else {
            small.write(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
        }?;
        Ok(Encoded { format, bytes: bytes.into() })
    }
}

fn reduced(width: u32, height: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= THUMBNAIL_SIDE {
        return (width, height);
    }
    let scaled = |side: u32| ((side * THUMBNAIL_SIDE + longest / 2) / longest).max(1);
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::picture::inspect;

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
            assert_eq!(reduced(size.0, size.1), expected, "{size:?}");
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
}
