use std::io::Cursor;

use super::*;

fn encoded(width: u32, height: u32, format: image::ImageFormat) -> Vec<u8> {
    let pixels = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 128]));
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn truncated_image_is_corrupt() {
    for format in [image::ImageFormat::Png, image::ImageFormat::WebP] {
        let complete = encoded(300, 300, format);
        for length in [complete.len() / 2, 40, 13] {
            assert!(
                matches!(decode(&complete[..length]), Err(ImageError::Corrupt(_))),
                "{format:?} {length}"
            );
        }
    }
    let complete = encoded(300, 300, image::ImageFormat::Jpeg);
    assert!(matches!(decode(&complete[..20]), Err(ImageError::Corrupt(_))));
    assert!(matches!(decode(&complete[..complete.len() / 2]), Err(ImageError::Corrupt(_))));
}

/// A PNG of some dozens of bytes whose header states this size.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 6, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bytes.extend(&header);
    bytes.extend(crc(&header).to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT");
    bytes.extend(crc(b"IDAT").to_be_bytes());
    bytes
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

#[test]
fn decompression_bomb_is_too_large() {
    for (width, height) in
        [(50_000, 50_000), (8193, 1), (1, 8193), (8192, 8192), (8192, 2442), (u32::MAX >> 1, 1)]
    {
        assert_eq!(decode(&bomb(width, height)).unwrap_err(), ImageError::TooLarge, "{width}x{height}");
    }
    // The same bytes with a small size are only corrupt: the assertions above do depend on the size.
    assert!(matches!(decode(&bomb(64, 64)), Err(ImageError::Corrupt(_))));
}

#[test]
fn other_content_has_an_unsupported_format() {
    for bytes in [&b""[..], b"{\"error\":\"no\"}", b"<html>", b"GIF89a\x01\0\x01\0", b"RIFF\0\0\0\0WAVE"] {
        assert_eq!(decode(bytes).unwrap_err(), ImageError::UnsupportedFormat);
    }
}
