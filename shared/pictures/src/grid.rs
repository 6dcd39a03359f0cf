//! Cuts an image that is a grid of four images into its quarters.

use bytes::Bytes;
use resample::resample;

use crate::decode::{DecodedImage, decode};
use crate::error::{ImageError, corrupt};
use crate::prepare::one_at_a_time;

/// How many images a grid holds.
pub const IMAGES: u8 = 4;

/// Returns the quarters with these indexes: 0 is top left, 1 top right, 2 bottom left, 3 bottom right. Each
/// is resampled to `size` (in pixels) at once, so that it is resampled only once, and has the format of the
/// grid.
///
/// # Errors
///
/// If the bytes are not a complete image within the limits, or an index is above 3.
pub async fn quarters(bytes: Bytes, indexes: Vec<u8>, size: (u32, u32)) -> Result<Vec<Bytes>, ImageError> {
    one_at_a_time(move || {
        let grid = decode(&bytes)?;
        indexes.into_iter().map(|quarter| cut(&grid, quarter, size)).collect()
    })
    .await
}

fn cut(grid: &DecodedImage, quarter: u8, (width, height): (u32, u32)) -> Result<Bytes, ImageError> {
    let (half_width, half_height) = (grid.width / 2, grid.height / 2);
    if quarter >= IMAGES || half_width == 0 || half_height == 0 {
        return Err(ImageError::Corrupt("not a grid of four images".to_owned()));
    }
    let (column, row) = (u32::from(quarter % 2), u32::from(quarter / 2));
    // With an odd number of pixels the middle row or column belongs to no quarter.
    let (left, top) = (column * (grid.width - half_width), row * (grid.height - half_height));
    let quarter = grid.pixels.crop_imm(left, top, half_width, half_height);
    let pixels = resample(&quarter, width, height).map_err(corrupt)?;
    let image = DecodedImage {
        format: grid.format,
        width,
        height,
        oriented: false,
        profile: grid.profile.clone(),
        pixels,
    };
    Ok(image.encode()?.into())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use image::Rgb;

    const COLORS: [[u8; 3]; 4] = [[200, 10, 10], [10, 200, 10], [10, 10, 200], [200, 200, 10]];

    fn grid(width: u32, height: u32, format: image::ImageFormat) -> Bytes {
        let image = image::RgbImage::from_fn(width, height, |x, y| {
            Rgb(COLORS[usize::from(x >= width.div_ceil(2)) + 2 * usize::from(y >= height.div_ceil(2))])
        });
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner().into()
    }

    #[tokio::test]
    async fn quarters_have_their_content_and_the_requested_size() {
        for (width, height, size) in [
            (512, 512, (256, 256)),
            (513, 511, (256, 256)),
            (1456, 816, (1024, 576)),
            (700, 400, (1792, 1024)),
        ] {
            for format in [image::ImageFormat::Png, image::ImageFormat::WebP, image::ImageFormat::Jpeg] {
                let cut = quarters(grid(width, height, format), vec![3, 0, 1, 2], size).await.unwrap();
                for (bytes, color) in cut.iter().zip([3, 0, 1, 2].map(|quarter| COLORS[quarter])) {
                    let image = decode(bytes).unwrap();
                    assert_eq!((image.width, image.height), size);
                    let pixels = image.pixels.to_rgb8();
                    for (x, y) in [(0, 0), (size.0 - 1, 0), (0, size.1 - 1), (size.0 - 1, size.1 - 1)] {
                        let difference = pixels.get_pixel(x, y).0.iter().zip(color);
                        let difference = difference.map(|(one, other)| one.abs_diff(other)).max().unwrap();
                        // A JPEG has ringing artifacts at the seam, which are enlarged too.
                        assert!(difference < 48, "{width}x{height} {format:?} {x} {y}: {difference}");
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn quarters_of_no_grid_are_an_error() {
        for (bytes, which) in [
            (grid(1, 500, image::ImageFormat::Png), 0),
            (grid(500, 500, image::ImageFormat::Png), 4),
            (Bytes::from_static(b"<html>"), 0),
        ] {
            assert!(quarters(bytes, vec![which], (256, 256)).await.is_err());
        }
    }
}
