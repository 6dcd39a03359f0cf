//! Looks at the frames of a WebP before they are decoded.
//!
//! A WebP says how large it is in its header, and each frame with loss says so once more. The decoder
//! takes memory by what the frame says before it compares the two, and by the length that a chunk claims
//! before it has read it.

use crate::picture::BadPicture;

/// Where the first chunk begins.
const FIRST: usize = 12;
/// What stands in an animation's frame before its chunks.
const FRAME_HEAD: usize = 16;

/// Whether no frame is larger than the picture, and no chunk longer than the file.
pub(crate) fn check(bytes: &[u8]) -> Result<(), BadPicture> {
    let riff = number(bytes, 4..8).unwrap_or_default();
    let Some(head) = chunk(bytes, FIRST)? else { return Ok(()) };
    // Other files are one frame, whose own size is the picture's.
    if head.name != b"VP8X" {
        return Ok(());
    }
    let (Some(width), Some(height)) = (number(head.content, 4..7), number(head.content, 7..10)) else {
        return Err(BadPicture::Broken("a WebP with half a header".to_owned()));
    };
    let canvas = (width + 1, height + 1);
    let (mut at, end) = (head.next, head.next + riff.saturating_sub(FIRST));
    while at < end
        && let Some(chunk) = chunk(bytes, at)?
    {
        is_within(&chunk, canvas)?;
        if chunk.name == b"ANMF" {
            frames_within(chunk.content, canvas)?;
        }
        at = chunk.next;
    }
    Ok(())
}

fn frames_within(content: &[u8], canvas: (usize, usize)) -> Result<(), BadPicture> {
    let mut at = FRAME_HEAD;
    while let Some(chunk) = chunk(content, at)? {
        is_within(&chunk, canvas)?;
        at = chunk.next;
    }
    Ok(())
}

/// Whether the chunk is no frame with loss, or one that is not larger than the picture. What it is called
/// does not matter: behind an alpha channel the decoder takes anything for a frame.
fn is_within(chunk: &Chunk<'_>, (width, height): (usize, usize)) -> Result<(), BadPicture> {
    if chunk.content.get(3..6) != Some(b"\x9d\x01\x2a") {
        return Ok(());
    }
    let side = |at| number(chunk.content, at).unwrap_or_default() & 0x3fff;
    if side(6..8) > width || side(8..10) > height {
        return Err(BadPicture::Broken("a frame that is larger than its picture".to_owned()));
    }
    Ok(())
}

struct Chunk<'a> {
    name: &'a [u8],
    content: &'a [u8],
    next: usize,
}

/// The chunk that begins there; nothing, if none does.
fn chunk(bytes: &[u8], at: usize) -> Result<Option<Chunk<'_>>, BadPicture> {
    let (Some(name), Some(length)) = (bytes.get(at..at + 4), number(bytes, at + 4..at + 8)) else {
        return Ok(None);
    };
    let begin = at + 8;
    match bytes.get(begin..begin + length) {
        Some(content) => Ok(Some(Chunk { name, content, next: begin + length + length % 2 })),
        None => Err(BadPicture::Broken("the WebP breaks off".to_owned())),
    }
}

/// The number that stands there, its last byte first.
fn number(bytes: &[u8], at: std::ops::Range<usize>) -> Option<usize> {
    Some(bytes.get(at)?.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect;
    use proptest::prelude::*;
    use testkit::webp::{Chunk, alpha, animation, lossy, riff, with_head};

    fn broken(bytes: &[u8]) -> bool {
        matches!(check(bytes), Err(BadPicture::Broken(_)))
    }

    #[test]
    fn a_frame_that_is_larger_than_its_picture_is_refused() {
        let (small, large) = (lossy(512, 512), lossy(16_383, 16_383)[..1000].to_vec());
        let plain = (512, 512, 0);
        assert_eq!(inspect(&with_head(plain, &[(b"VP8 ", &small)])).unwrap().width, 512);
        assert!(broken(&with_head(plain, &[(b"VP8 ", &large)])));
        assert!(broken(&with_head(plain, &[(b"EXIF", &[1, 2, 3]), (b"VP8 ", &large)])));
        assert!(broken(&with_head(plain, &[(b"VP8 ", &lossy(512, 513))])));
        assert!(broken(&with_head(plain, &[(b"VP8 ", &lossy(513, 512))])));
    }

    #[test]
    fn so_is_one_of_an_animation_whatever_it_is_called() {
        let (small, large) = (lossy(512, 512), lossy(16_383, 16_383)[..1000].to_vec());
        let alpha = alpha();
        let of = |frame: &[Chunk<'_>]| animation((512, 512), frame);
        assert_eq!(inspect(&of(&[(b"VP8 ", &small)])).unwrap().height, 512);
        assert_eq!(inspect(&of(&[(b"ALPH", &alpha), (b"VP8 ", &small)])).unwrap().height, 512);
        assert!(broken(&of(&[(b"VP8 ", &large)])));
        assert!(broken(&of(&[(b"ALPH", &alpha), (b"VP8 ", &large)])));
        assert!(broken(&of(&[(b"ALPH", &alpha), (b"what", &large)])));
    }

    #[test]
    fn a_chunk_that_claims_more_than_there_is_is_refused() {
        let small = lossy(64, 64);
        for name in [b"ICCP", b"EXIF", b"XMP "] {
            let mut bytes = with_head((64, 64, 0), &[(b"VP8 ", &small), (name, &[0; 8])]);
            let at = bytes.len() - 12;
            bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            assert!(broken(&bytes), "{name:?}");
        }
        let nested = [&b"ICCP"[..], &u32::MAX.to_le_bytes(), &[0; 16]].concat();
        let frame = [&[0; 16][..], &nested].concat();
        assert!(broken(&with_head((64, 64, 2), &[(b"ANIM", &[0; 6]), (b"ANMF", &frame)])));
        assert!(broken(&riff(&[(b"VP8X", &[0; 5])])));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(rest in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..300, at in 0usize..300) {
            let mut bytes = animation((16, 16), &[(b"VP8 ", &lossy(16, 16))]);
            let at = at.min(bytes.len());
            bytes.splice(at.., rest);
            let _ = check(&bytes[..cut.min(bytes.len())]);
        }
    }
}
