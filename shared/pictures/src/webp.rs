//! Checks the frames of a WebP before they are decoded.
//!
//! A WebP states its size in the header (`VP8X`), and every lossy frame states its own again. The decoder
//! allocates memory for the size in the frame before it compares the two, and for the stated length of a
//! chunk before it has read the chunk.
//!
//! The format: <https://developers.google.com/speed/webp/docs/riff_container>.

use crate::error::ImageError;

/// Offset of the first chunk, in bytes.
const FIRST_CHUNK: usize = 12;
/// Length of the header of an animation frame (`ANMF`), in bytes. The chunks of the frame follow it.
const FRAME_HEADER_BYTES: usize = 16;

/// Whether the file is as long as its header says.
pub(crate) fn is_ended(bytes: &[u8]) -> bool {
    number(bytes, 4..8).is_some_and(|length| bytes.len() >= length.saturating_add(8))
}

/// Checks that no frame is larger than the image and no chunk longer than the file.
pub(crate) fn check(bytes: &[u8]) -> Result<(), ImageError> {
    let riff = number(bytes, 4..8).unwrap_or_default();
    let Some(head) = chunk(bytes, FIRST_CHUNK)? else { return Ok(()) };
    // A file without `VP8X` consists of one frame, whose size is that of the image.
    if head.name != b"VP8X" {
        return Ok(());
    }
    let (Some(width), Some(height)) = (number(head.content, 4..7), number(head.content, 7..10)) else {
        return Err(ImageError::Corrupt("the header of the WebP is truncated".to_owned()));
    };
    let canvas = (width + 1, height + 1);
    let (mut at, end) = (head.next, head.next + riff.saturating_sub(FIRST_CHUNK));
    while at < end
        && let Some(chunk) = chunk(bytes, at)?
    {
        check_frame(&chunk, canvas)?;
        if chunk.name == b"ANMF" {
            check_animation_frame(chunk.content, canvas)?;
        }
        at = chunk.next;
    }
    Ok(())
}

fn check_animation_frame(content: &[u8], canvas: (usize, usize)) -> Result<(), ImageError> {
    let mut at = FRAME_HEADER_BYTES;
    while let Some(chunk) = chunk(content, at)? {
        check_frame(&chunk, canvas)?;
        at = chunk.next;
    }
    Ok(())
}

/// Checks that the chunk, if it is a lossy frame, is not larger than the image. It is recognized by the start
/// code of a key frame and not by its name: after an alpha channel the decoder takes any chunk for a frame.
fn check_frame(chunk: &Chunk<'_>, (width, height): (usize, usize)) -> Result<(), ImageError> {
    if chunk.content.get(3..6) != Some(b"\x9d\x01\x2a") {
        return Ok(());
    }
    let side = |at| number(chunk.content, at).unwrap_or_default() & 0x3fff;
    if side(6..8) > width || side(8..10) > height {
        return Err(ImageError::Corrupt("a frame is larger than the image".to_owned()));
    }
    Ok(())
}

struct Chunk<'a> {
    name: &'a [u8],
    content: &'a [u8],
    next: usize,
}

/// Returns the chunk that begins at this offset; none if the bytes end there.
fn chunk(bytes: &[u8], at: usize) -> Result<Option<Chunk<'_>>, ImageError> {
    let (Some(name), Some(length)) = (bytes.get(at..at + 4), number(bytes, at + 4..at + 8)) else {
        return Ok(None);
    };
    let begin = at + 8;
    match bytes.get(begin..begin + length) {
        Some(content) => Ok(Some(Chunk { name, content, next: begin + length + length % 2 })),
        None => Err(ImageError::Corrupt("the WebP is truncated".to_owned())),
    }
}

/// Reads a little-endian number.
fn number(bytes: &[u8], at: std::ops::Range<usize>) -> Option<usize> {
    Some(bytes.get(at)?.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests;
