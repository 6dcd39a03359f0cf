//! Tells how a PNG ends, and supplies the end that is missing. The decoder wants the last chunk, although it holds
//! nothing.
//!
//! The format: <https://www.w3.org/TR/png-3/#5Chunk-layout>.

use std::borrow::Cow;

/// Offset of the first chunk.
const FIRST_CHUNK: usize = 8;
/// Length and name before the content of a chunk, and the check sum after it.
const CHUNK_FRAME_BYTES: usize = 12;
/// The last chunk.
const END: [u8; CHUNK_FRAME_BYTES] = *b"\0\0\0\0IEND\xae\x42\x60\x82";

/// Whether the last chunk is there.
pub(crate) fn is_ended(bytes: &[u8]) -> bool {
    missing_end(bytes).is_some_and(<[u8]>::is_empty)
}

/// The PNG with its last chunk, if that or a part of it is all that its frame lacks.
pub(crate) fn ended(bytes: &[u8]) -> Cow<'_, [u8]> {
    match missing_end(bytes) {
        Some(missing) if !missing.is_empty() => [bytes, missing].concat().into(),
        Some(_) | None => bytes.into(),
    }
}

/// What is missing of the last chunk; `None` if the file ends within another chunk.
fn missing_end(bytes: &[u8]) -> Option<&'static [u8]> {
    let mut at = FIRST_CHUNK;
    loop {
        let rest = bytes.get(at..)?;
        if rest.starts_with(&END) {
            return Some(&[]);
        }
        if END.starts_with(rest) {
            return END.get(rest.len()..);
        }
        let length = u32::from_be_bytes(rest.first_chunk().copied()?);
        at = at.checked_add(usize::try_from(length).ok()?)?.checked_add(CHUNK_FRAME_BYTES)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let pixels = image::RgbImage::from_fn(width, height, |x, y| {
            let grain = (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
            let [first, second, third, _] = grain.to_be_bytes();
            image::Rgb([first, second, third])
        });
        let mut bytes = std::io::Cursor::new(Vec::new());
        pixels.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn png_that_lacks_only_its_last_chunk_is_whole() {
        let whole = png(200, 200);
        let expected = decode(&whole).unwrap().pixels;
        for missing in 0..=END.len() {
            let bytes = &whole[..whole.len() - missing];
            assert_eq!(is_ended(bytes), missing == 0, "{missing}");
            assert_eq!(decode(bytes).unwrap().pixels, expected, "{missing}");
        }
        assert!(is_ended(&[&whole[..], b"more"].concat()));
    }

    #[test]
    fn png_that_lacks_pixels_is_not_whole() {
        let whole = png(200, 200);
        for length in (FIRST_CHUNK..whole.len() - END.len()).step_by(997) {
            assert!(!is_ended(&whole[..length]), "{length}");
            assert!(decode(&whole[..length]).is_err(), "{length}");
        }
        // At the end of a chunk, where only the pixels themselves tell: the header alone, and half of the data in a
        // chunk of its own.
        assert!(decode(&whole[..33]).is_err());
        let data = whole.windows(4).position(|name| name == b"IDAT").unwrap();
        let half = &whole[data..data + 4 + 10_000];
        let sum = !half.iter().fold(u32::MAX, |sum, byte| {
            (0..8)
                .fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
        });
        let cut = [&whole[..data - 4], &10_000_u32.to_be_bytes(), half, &sum.to_be_bytes()].concat();
        assert!(!is_ended(&cut) && decode(&cut).is_err());
    }
}
