//! Takes apart a picture that is a grid of four.

use bytes::Bytes;

use crate::picture::{BadPicture, Picture, inspect};
use crate::prepare::one_at_a_time;
use crate::resample::resampled;

/// How many pictures a grid holds.
pub const PICTURES: u8 = 4;

/// These quarters of the grid in `bytes`, from 0: top left, top right, bottom left, bottom right. Each in
/// this size already, so that it is scaled only once, and in the grid's format.
///
/// # Errors
/// If the bytes are not a whole picture within the limits.
pub async fn quarters(bytes: Bytes, which: Vec<u8>, size: (u32, u32)) -> Result<Vec<Bytes>, BadPicture> {
    one_at_a_time(move || {
        let grid = inspect(&bytes)?;
        which.into_iter().map(|quarter| cut(&grid, quarter, size)).collect()
    })
    .await
}

fn cut(grid: &Picture, quarter: u8, (width, height): (u32, u32)) -> Result<Bytes, BadPicture> {
    let (half_width, half_height) = (grid.width / 2, grid.height / 2);
    if quarter >= PICTURES || half_width == 0 || half_height == 0 {
        return Err(BadPicture::Broken("not a grid of four pictures".to_owned()));
    }
    let (column, row) = (u32::from(quarter % 2), u32::from(quarter / 2));
    // Of an odd number of pixels the middle one belongs to neither side.
    let (left, top) = (column * (grid.width - half_width), row * (grid.height - half_height));
    let quarter = grid.pixels.crop_imm(left, top, half_width, half_height);
    let pixels = resampled(&quarter, width, height)?;
    let picture =
        Picture { format: grid.format, width, height, turned: false, profile: grid.profile.clone(), pixels };
    Ok(picture.encode()?.into())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use image::Rgb;

    const COLOURS: [[u8; 3]; 4] = [[200, 10, 10], [10, 200, 10], [10, 10, 200], [200, 200, 10]];

    fn grid(width: u32, height: u32, format: image::ImageFormat) -> Bytes {
        let picture = image::RgbImage::from_fn(width, height, |x, y| {
            Rgb(COLOURS[usize::from(x >= width.div_ceil(2)) + 2 * usize::from(y >= height.div_ceil(2))])
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner().into()
    }

    #[tokio::test]
    async fn each_quarter_is_one_picture_in_the_size_asked_for() {
        for (width, height, size) in [
            (512, 512, (256, 256)),
            (513, 511, (256, 256)),
            (1456, 816, (1024, 576)),
            (700, 400, (1792, 1024)),
        ] {
            for format in [image::ImageFormat::Png, image::ImageFormat::WebP, image::ImageFormat::Jpeg] {
                let cut = quarters(grid(width, height, format), vec![3, 0, 1, 2], size).await.unwrap();
                for (bytes, colour) in cut.iter().zip([3, 0, 1, 2].map(|quarter| COLOURS[quarter])) {
                    let picture = inspect(bytes).unwrap();
                    assert_eq!((picture.width, picture.height), size);
                    let pixels = picture.pixels.to_rgb8();
                    for (x, y) in [(0, 0), (size.0 - 1, 0), (0, size.1 - 1), (size.0 - 1, size.1 - 1)] {
                        let apart = pixels.get_pixel(x, y).0.iter().zip(colour);
                        let apart = apart.map(|(one, other)| one.abs_diff(other)).max().unwrap();
                        // Enlarged, a JPEG's rings at the seam come along.
                        assert!(apart < 48, "{width}x{height} {format:?} {x} {y}: {apart}");
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn what_has_no_quarters_is_an_error() {
        for (bytes, which) in [
            (grid(1, 500, image::ImageFormat::Png), 0),
            (grid(500, 500, image::ImageFormat::Png), 4),
            (Bytes::from_static(b"<html>"), 0),
        ] {
            assert!(quarters(bytes, vec![which], (256, 256)).await.is_err());
        }
    }
}
