//! Scales pictures, by one filter: Lanczos with three lobes, which keeps edges sharp both ways.

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::DynamicImage;

use crate::picture::{BadPicture, broken};

/// The picture at this size: cropped, centred, to its ratio, and resampled in one step, without a
/// cropped copy in between.
pub(crate) fn resampled(pixels: &DynamicImage, width: u32, height: u32) -> Result<DynamicImage, BadPicture> {
    let mut result = DynamicImage::new(width, height, pixels.color());
    let how = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .fit_into_destination(Some((0.5, 0.5)))
        // Weighing by opacity takes a copy of all pixels.
        .use_alpha(is_seen_through(pixels));
    Resizer::new().resize(pixels, &mut result, &how).map_err(broken)?;
    Ok(result)
}

/// Whether any pixel lets show what is behind the picture.
pub(crate) fn is_seen_through(pixels: &DynamicImage) -> bool {
    if let DynamicImage::ImageRgba8(pixels) = pixels {
        return pixels.pixels().any(|pixel| pixel.0[3] < u8::MAX);
    }
    pixels.color().has_alpha()
}
