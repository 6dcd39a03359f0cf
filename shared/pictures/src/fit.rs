//! Gives an image the requested size.
//!
//! Providers have sizes of their own, and some guarantee only an aspect ratio. An image that already has the
//! requested size is passed on byte for byte, with all metadata of its provider. Any other image is cropped,
//! resampled and encoded again in its own format: PNG is lossless, JPEG has [`JPEG_QUALITY`], and WebP is
//! lossless (and therefore larger), because there is no lossy WebP encoder in pure Rust. The color profile is
//! kept. Provenance metadata such as C2PA is lost; its signature would not match the new bytes anyway.

use bytes::Bytes;
use domain::images::ImageFormat;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageEncoder};
use resample::resample;

use crate::decode::{DecodedImage, EncodedImage};
use crate::error::{ImageError, corrupt};

/// From 0 to 100: without visible loss, at a third of the size of a PNG.
pub const JPEG_QUALITY: u8 = 92;

#[derive(Debug, Clone)]
pub struct FittedImage {
    pub encoded: EncodedImage,
    /// The pixels of `encoded`.
    pub decoded: DecodedImage,
    /// The original width and height in pixels, if the image was encoded again.
    pub reencoded_from: Option<(u32, u32)>,
}

impl DecodedImage {
    /// Returns this image, which was decoded from `bytes`, in this size (in pixels). If it has that size
    /// already, the result holds `bytes` unchanged.
    ///
    /// # Errors
    ///
    /// If the pixel format cannot be resampled or encoded.
    pub fn fit(self, bytes: Bytes, (width, height): (u32, u32)) -> Result<FittedImage, ImageError> {
        let original = (self.width, self.height);
        // With an EXIF orientation, viewers that ignore it would show another size.
        if original == (width, height) && !self.oriented {
            let encoded = EncodedImage { format: self.format, bytes };
            return Ok(FittedImage { encoded, decoded: self, reencoded_from: None });
        }
        let pixels = if original == (width, height) {
            self.pixels
        } else {
            resample(&self.pixels, width, height).map_err(corrupt)?
        };
        let decoded = Self { width, height, oriented: false, pixels, ..self };
        let encoded = EncodedImage { format: decoded.format, bytes: decoded.encode()?.into() };
        Ok(FittedImage { encoded, decoded, reencoded_from: Some(original) })
    }

    /// Encodes the image in its own format.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        match self.format {
            ImageFormat::Png => self.write(PngEncoder::new(&mut bytes)),
            ImageFormat::Jpeg => self.write(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)),
            ImageFormat::Webp => self.write(WebPEncoder::new_lossless(&mut bytes)),
        }?;
        Ok(bytes)
    }

    /// Writes the image, with its color profile if that applies to the pixels.
    pub(crate) fn write(&self, mut encoder: impl ImageEncoder) -> Result<(), ImageError> {
        if let Some(profile) = self.profile.as_ref().filter(|profile| profile_applies(profile, &self.pixels))
        {
            // All three formats support a profile.
            encoder.set_icc_profile(profile.clone()).map_err(corrupt)?;
        }
        self.pixels.write_with_encoder(encoder).map_err(corrupt)
    }
}

/// Whether the profile is for the color space of the pixels: decoding converts CMYK to RGB, but the profile
/// of such an image is still one for CMYK.
fn profile_applies(profile: &[u8], pixels: &DynamicImage) -> bool {
    let space: &[u8] = if pixels.color().has_color() { b"RGB " } else { b"GRAY" };
    profile.get(16..20) == Some(space)
}

#[cfg(test)]
mod tests;
