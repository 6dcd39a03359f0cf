//! Makes a picture have the size that was asked for.
//!
//! Providers have sizes of their own, and some promise no more than a ratio. A picture of the right size
//! is passed on byte for byte, with all that its provider wrote into it. Any other one is decoded,
//! cropped and resampled, and encoded anew in the format that it came in: a PNG without loss, a JPEG at
//! [`JPEG_QUALITY`], a WebP without loss, since no encoder with loss is at hand that is not C; it grows
//! by that. What survives is the picture and its colour profile. What does not are notes on where it
//! comes from, such as C2PA's, whose signature would not fit the new bytes anyway.

use bytes::Bytes;
use domain::images::ImageFormat;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageEncoder};

use crate::picture::{BadPicture, Encoded, Picture, broken};
use crate::resample::resampled;

/// Loses nothing that can be seen, at a third of a PNG's size.
pub const JPEG_QUALITY: u8 = 92;

/// A picture in the size that was asked for.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// Its bytes.
    pub encoded: Encoded,
    /// What they decode to.
    pub picture: Picture,
    /// The size that it came in, if it had to be encoded anew.
    pub remade_from: Option<(u32, u32)>,
}

impl Picture {
    /// This picture, which was decoded from `bytes`, in this size: the very bytes if it has it already.
    ///
    /// # Errors
    /// If its pixels are of a kind that cannot be scaled or encoded.
    pub fn fit(self, bytes: Bytes, (width, height): (u32, u32)) -> Result<Fitted, BadPicture> {
        let has = (self.width, self.height);
        // What is stored turned would be as large as asked for only to who reads the note about it.
        if has == (width, height) && !self.turned {
            let encoded = Encoded { format: self.format, bytes };
            return Ok(Fitted { encoded, picture: self, remade_from: None });
        }
        let pixels =
            if has == (width, height) { self.pixels } else { resampled(&self.pixels, width, height)? };
        let picture = Self { width, height, turned: false, pixels, ..self };
        let encoded = Encoded { format: picture.format, bytes: picture.encode()?.into() };
        Ok(Fitted { encoded, picture, remade_from: Some(has) })
    }

    /// The picture in its own format.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, BadPicture> {
        let mut bytes = Vec::new();
        match self.format {
            ImageFormat::Png => self.write(PngEncoder::new(&mut bytes)),
            ImageFormat::Jpeg => self.write(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)),
            ImageFormat::Webp => self.write(WebPEncoder::new_lossless(&mut bytes)),
        }?;
        Ok(bytes)
    }

    /// Writes it, with its colour profile where that is about such pixels.
    pub(crate) fn write(&self, mut encoder: impl ImageEncoder) -> Result<(), BadPicture> {
        if let Some(profile) = self.profile.as_ref().filter(|profile| is_about(profile, &self.pixels)) {
            // All three formats take one.
            encoder.set_icc_profile(profile.clone()).map_err(broken)?;
        }
        self.pixels.write_with_encoder(encoder).map_err(broken)
    }
}

/// Whether the profile is for such pixels: decoding turns four colours of ink into three of light, and
/// the profile still speaks of ink.
fn is_about(profile: &[u8], pixels: &DynamicImage) -> bool {
    let space: &[u8] = if pixels.color().has_color() { b"RGB " } else { b"GRAY" };
    profile.get(16..20) == Some(space)
}

#[cfg(test)]
mod tests;
