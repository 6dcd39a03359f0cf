//! Resampling with the Lanczos3 filter, which keeps edges sharp when it reduces and when it enlarges.

use fast_image_resize::{FilterType, ResizeAlg, ResizeError, ResizeOptions, Resizer};
use image::DynamicImage;

/// Crops the image around its center to the ratio of the new size and resamples it to that size (in pixels),
/// in one step, which saves a copy of the cropped pixels.
///
/// # Errors
///
/// If the image has no pixels.
pub fn resample(pixels: &DynamicImage, width: u32, height: u32) -> Result<DynamicImage, ResizeError> {
    let mut result = DynamicImage::new(width, height, pixels.color());
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .fit_into_destination(Some((0.5, 0.5)))
        // Premultiplying by alpha takes a copy of all pixels, so it is done only where needed.
        .use_alpha(has_transparency(pixels));
    Resizer::new().resize(pixels, &mut result, &options)?;
    Ok(result)
}

/// Whether any pixel is transparent. For 16-bit and gray images: whether there is an alpha channel.
#[must_use]
pub fn has_transparency(pixels: &DynamicImage) -> bool {
    if let DynamicImage::ImageRgba8(pixels) = pixels {
        return pixels.pixels().any(|pixel| pixel.0[3] < u8::MAX);
    }
    pixels.color().has_alpha()
}
