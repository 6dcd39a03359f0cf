use std::io::Cursor;

use super::*;
use crate::decode::decode;

fn encoded(width: u32, height: u32, format: image::ImageFormat) -> Vec<u8> {
    let image = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 128]));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn thumbnail_of_every_format_is_a_jpeg() {
    for (encoder, format) in [
        (image::ImageFormat::Png, ImageFormat::Png),
        (image::ImageFormat::Jpeg, ImageFormat::Jpeg),
        (image::ImageFormat::WebP, ImageFormat::Webp),
    ] {
        let image = decode(&encoded(700, 400, encoder)).unwrap();
        assert_eq!((image.format, image.width, image.height), (format, 700, 400));
        let thumbnail = decode(&image.thumbnail().unwrap().bytes).unwrap();
        assert_eq!((thumbnail.format, thumbnail.width, thumbnail.height), (ImageFormat::Jpeg, 256, 146));
    }
}

#[test]
fn reduced_size_keeps_the_ratio_and_never_grows() {
    for (size, expected) in [
        ((1024, 1024), (256, 256)),
        ((1024, 1792), (146, 256)),
        ((1024, 576), (256, 144)),
        ((8192, 1), (256, 1)),
        ((200, 100), (200, 100)),
        ((256, 256), (256, 256)),
    ] {
        assert_eq!(reduced_size(size.0, size.1), expected, "{size:?}");
    }
    let thumbnail = decode(&encoded(31, 17, image::ImageFormat::Png)).unwrap().thumbnail().unwrap();
    let thumbnail = decode(&thumbnail.bytes).unwrap();
    assert_eq!((thumbnail.width, thumbnail.height), (31, 17));
}

#[test]
fn thumbnail_with_transparency_is_a_png() {
    for (alpha, format) in [(90, ImageFormat::Png), (255, ImageFormat::Jpeg)] {
        let image = image::RgbaImage::from_pixel(400, 300, image::Rgba([10, 200, 30, alpha]));
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        let thumbnail = decode(bytes.get_ref()).unwrap().thumbnail().unwrap();
        assert_eq!(thumbnail.format, format);
        assert_eq!(decode(&thumbnail.bytes).unwrap().format, format);
    }
}
