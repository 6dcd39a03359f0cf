use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::decode::decode;
use crate::error::ImageError;

/// A gray progressive JPEG of 32 by 32 pixels with two scans, made by hand.
const PROGRESSIVE_JPEG: &str = "
    ffd8ffdb004300080808080808080808080808080808080808080808080808080808080808080808
    08080808080808080808080808080808080808080808080808080808080808ffc2000b0800200020
    01011100ffc4001b00000000080000000000000000000000000001020304050607ffc40017100000
    040000000000000000000000000000010203ffda000801010000000059a79f59a9570e31b86f59a6
    81cd35ca2698e7ffda0008010100013f004048703c160c3c1d0d86034121e04190d8ffd9
";

fn progressive() -> Vec<u8> {
    let text: String = PROGRESSIVE_JPEG.split_whitespace().collect();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn baseline() -> Vec<u8> {
    let pixels =
        image::RgbImage::from_fn(120, 90, |x, y| image::Rgb([x as u8 * 2, y as u8 * 2, (x * y) as u8]));
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

#[test]
fn jpeg_without_its_end_marker_is_whole() {
    for complete in [baseline(), progressive()] {
        let expected = decode(&complete).unwrap();
        for missing in [1, 2] {
            let seen = decode(&complete[..complete.len() - missing]).unwrap();
            assert_eq!(seen.pixels, expected.pixels);
        }
    }
}

#[test]
fn jpeg_with_bytes_after_it_is_whole() {
    for complete in [baseline(), progressive()] {
        let expected = decode(&complete).unwrap();
        let half = &complete[..complete.len() / 2];
        for after in [&b"\0\0\0"[..], b"trailer", b"\xff\xda\0\x0c\x03", half, b"\xff"] {
            let seen = decode(&[&complete, after].concat()).unwrap();
            assert_eq!(seen.pixels, expected.pixels);
        }
    }
}

#[test]
fn jpeg_that_ends_within_a_scan_is_corrupt() {
    for complete in [baseline(), progressive()] {
        // The end marker, and more than the padding of the last byte.
        for missing in 5..complete.len() - 3 {
            let outcome = decode(&complete[..complete.len() - missing]);
            assert!(matches!(outcome, Err(ImageError::Corrupt(_))), "{missing} of {}", complete.len());
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(prop_oneof![Just(0xff), Just(0xda), 0u8..20], 0..60)) {
        let bytes = [&b"\xff\xd8"[..], &bytes].concat();
        let _ = end(&bytes);
        let _ = decode(&bytes);
    }
}
