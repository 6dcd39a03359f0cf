use std::io::Cursor;

use image::Rgb;

use super::*;
use crate::decode::decode;

/// The image as a PNG with this chunk.
fn png(pixels: &DynamicImage, numbers: [u8; 4]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let mut bytes = bytes.into_inner();
    let chunk = [b"cICP", &numbers[..]].concat();
    let sum = !chunk.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    });
    let whole = [&4u32.to_be_bytes()[..], &chunk, &sum.to_be_bytes()].concat();
    // After the header, which has 13 bytes.
    bytes.splice(33..33, whole);
    bytes
}

fn plain(color: [u8; 3]) -> DynamicImage {
    image::RgbImage::from_pixel(300, 300, Rgb(color)).into()
}

fn color(pixels: &DynamicImage) -> [u8; 3] {
    pixels.to_rgb8().get_pixel(pixels.width() / 2, pixels.height() / 2).0
}

/// The colors of the image in another size, and of its thumbnail.
fn shown(bytes: &[u8]) -> [[u8; 3]; 2] {
    let image = decode(bytes).unwrap();
    let thumbnail = decode(&image.thumbnail().unwrap().bytes).unwrap();
    let fitted = image.fit(bytes.to_vec().into(), (512, 512)).unwrap();
    assert_eq!(color_space(&fitted.encoded.bytes), None);
    [color(&decode(&fitted.encoded.bytes).unwrap().pixels), color(&thumbnail.pixels)]
}

fn near(one: [u8; 3], other: [u8; 3]) -> bool {
    one.iter().zip(other).all(|(one, other)| one.abs_diff(other) <= 4)
}

#[test]
fn colors_told_by_cicp_are_the_same_in_every_copy() {
    // Display P3 and BT.2020 with the curve of sRGB, and linear light. The expected values are by the matrices
    // of the color spaces.
    for (numbers, given, expected) in [
        ([12, 13, 0, 1], [200, 100, 50], [215, 93, 31]),
        ([12, 13, 0, 1], [128, 128, 128], [128, 128, 128]),
        ([9, 13, 0, 1], [150, 150, 150], [150, 150, 150]),
        ([1, 8, 0, 1], [55, 55, 55], [128, 128, 128]),
        ([1, 13, 0, 1], [200, 100, 50], [200, 100, 50]),
    ] {
        for copy in shown(&png(&plain(given), numbers)) {
            assert!(near(copy, expected), "{numbers:?}: {copy:?}");
        }
    }
}

#[test]
fn image_of_the_requested_size_keeps_its_bytes_and_chunk() {
    let bytes = png(&plain([200, 100, 50]), [12, 13, 0, 1]);
    let fitted = decode(&bytes).unwrap().fit(bytes.clone().into(), (300, 300)).unwrap();
    assert_eq!((fitted.encoded.bytes.as_ref(), fitted.reencoded_from), (&bytes[..], None));
}

#[test]
fn every_pixel_format_is_converted() {
    let base = plain([200, 100, 50]);
    for pixels in [
        DynamicImage::from(base.to_rgba8()),
        base.to_rgb16().into(),
        base.to_rgba16().into(),
        base.to_luma8().into(),
        base.to_luma_alpha16().into(),
    ] {
        let kind = pixels.color();
        let seen = decode(&png(&pixels, [12, 13, 0, 1])).unwrap();
        assert_eq!((seen.pixels.color(), seen.pixels.color_space()), (kind, Cicp::SRGB));
        let expected = if kind.has_color() { [215, 93, 31] } else { color(&pixels) };
        assert!(near(color(&seen.pixels), expected), "{kind:?}: {:?}", color(&seen.pixels));
    }
}

#[test]
fn unknown_numbers_change_nothing() {
    for numbers in [[9, 16, 0, 1], [9, 18, 0, 1], [2, 2, 0, 1], [77, 13, 0, 1], [12, 13, 0, 0]] {
        for copy in shown(&png(&plain([200, 100, 50]), numbers)) {
            assert!(near(copy, [200, 100, 50]), "{numbers:?}: {copy:?}");
        }
    }
    for bytes in [&b""[..], b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffabcd"] {
        assert_eq!(color_space(bytes), None);
    }
}
