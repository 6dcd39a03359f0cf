//! The images of stand-ins: valid, of an exact size, with their seed in their colors.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Png,
    Jpeg,
    Webp,
}

/// An encoded image of that size in pixels; the lowest byte of `seed` is its blue.
#[must_use]
pub fn painted(width: u32, height: u32, seed: u64, encoding: Encoding) -> Vec<u8> {
    let blue = seed.to_le_bytes()[0];
    let picture = RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x * 255 / width.max(1)) as u8, (y * 255 / height.max(1)) as u8, blue])
    });
    let format = match encoding {
        Encoding::Png => ImageFormat::Png,
        Encoding::Jpeg => ImageFormat::Jpeg,
        Encoding::Webp => ImageFormat::WebP,
    };
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("an image can be encoded");
    bytes.into_inner()
}
