//! Makes the thumbnails that lists of images show.

use domain::images::ImageFormat;
use image::DynamicImage;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use resample::{has_transparency, resample};

use crate::decode::{DecodedImage, EncodedImage};
use crate::error::{ImageError, corrupt};

/// Limit of the longer side of a thumbnail, in pixels.
pub const MAX_THUMBNAIL_SIDE: u32 = 256;
/// From 0 to 100: close to the image at 256 pixels, with about 20 KB.
const JPEG_QUALITY: u8 = 85;

impl DecodedImage {
    /// Returns the image with its longer side reduced to [`MAX_THUMBNAIL_SIDE`]; a smaller image keeps its
    /// size.
    ///
    /// The format is JPEG, which takes a fifth of the bytes of a PNG, because a page of thumbnails is loaded
    /// at once. An image with transparency, which JPEG does not support, becomes a PNG. The color profile is
    /// kept, so that the colors in a list match those of the image.
    ///
    /// # Errors
    ///
    /// If the pixel format cannot be resampled or encoded.
    pub fn thumbnail(&self) -> Result<EncodedImage, ImageError> {
        let (width, height) = reduced_size(self.width, self.height);
        let scaled = if (width, height) == (self.width, self.height) {
            self.pixels.clone()
        } else {
            resample(&self.pixels, width, height).map_err(corrupt)?
        };
        let scaled =
            if scaled.color().has_alpha() { DynamicImage::from(scaled.into_rgba8()) } else { scaled };
        let (format, pixels) = if has_transparency(&scaled) {
            (ImageFormat::Png, scaled)
        } else if scaled.color().has_color() {
            (ImageFormat::Jpeg, scaled.into_rgb8().into())
        } else {
            (ImageFormat::Jpeg, scaled.into_luma8().into())
        };
        let scaled = Self { format, width, height, oriented: false, profile: self.profile.clone(), pixels };
        let mut bytes = Vec::new();
        if format == ImageFormat::Png {
            scaled.write(PngEncoder::new(&mut bytes))
        } else {
            scaled.write(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
        }?;
        Ok(EncodedImage { format, bytes: bytes.into() })
    }
}

fn reduced_size(width: u32, height: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= MAX_THUMBNAIL_SIDE {
        return (width, height);
    }
    let scale = |side: u32| ((side * MAX_THUMBNAIL_SIDE + longest / 2) / longest).max(1);
    (scale(width), scale(height))
}

#[cfg(test)]
mod tests;
