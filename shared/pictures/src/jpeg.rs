//! Tells a whole JPEG from a truncated one. The decoder does not: it fills missing pixels with gray.
//!
//! The format: ITU-T T.81, annexes B and G.

use std::collections::HashMap;

/// Start of image, which begins every file.
const START_BYTES: usize = 2;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const PROGRESSIVE: [u8; 2] = [0xc2, 0xca];
/// Two endings of entropy-coded data that share no bit, and no marker.
const OTHER_ENDS: [[u8; 4]; 2] = [[0x5a, 0x33, 0x4f, 0x0e], [0xa5, 0xcc, 0xb0, 0xf1]];
/// How many times they are repeated: more than a block of pixels takes.
const END_REPEATS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The end marker follows the scans. What follows that is no part of the image.
    Marked,
    /// There are scans, but no end marker: the image may be whole, or end within the last scan.
    Unmarked,
    /// Scans are missing.
    TooEarly,
}

/// How the file ends.
pub(crate) fn end(bytes: &[u8]) -> End {
    let mut scans = Scans::default();
    let mut at = START_BYTES;
    while let Some((marker, next)) = marker(bytes, at) {
        match marker {
            EOI => return if scans.count > 0 { End::Marked } else { End::TooEarly },
            // Markers without content: TEM, restart, and a start of image.
            0x01 | 0xd0..=0xd8 => at = next,
            _ => {
                let Some(content) = segment(bytes, next) else { break };
                at = next + 2 + content.len();
                if marker == SOS {
                    scans.add(content);
                } else if PROGRESSIVE.contains(&marker) {
                    scans.progressive = true;
                }
            }
        }
    }
    if scans.count > 0 && scans.are_all() { End::Unmarked } else { End::TooEarly }
}

/// The file with each of two endings in place of the missing end marker. If the image is whole, both have the
/// same pixels, since nothing of the ending is read.
pub(crate) fn with_other_ends(bytes: &[u8]) -> [Vec<u8>; 2] {
    // The first byte of an end marker may be there.
    let bytes = bytes.strip_suffix(b"\xff").unwrap_or(bytes);
    OTHER_ENDS.map(|end| [bytes, &end.repeat(END_REPEATS), &[0xff, EOI]].concat())
}

/// The next marker, and the offset after it. Skips entropy-coded data, in which 0xff is followed by 0x00 or a
/// restart marker.
fn marker(bytes: &[u8], from: usize) -> Option<(u8, usize)> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        match bytes.get(at + 1)? {
            0x00 => at += 2,
            0xff => at += 1,
            marker => return Some((*marker, at + 2)),
        }
    }
}

/// The content of the segment whose length is at this offset.
fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    bytes.get(at + 2..at + length.max(2))
}

/// Which coefficients the scans have brought to full precision.
#[derive(Default)]
struct Scans {
    count: usize,
    progressive: bool,
    /// For each component of the image.
    complete: HashMap<u8, [bool; 64]>,
}

impl Scans {
    /// Adds a scan with this header.
    fn add(&mut self, header: &[u8]) {
        self.count += 1;
        let components = usize::from(header.first().copied().unwrap_or(0));
        let (Some(list), Some([first, last, precision])) =
            (header.get(1..1 + 2 * components), header.get(1 + 2 * components..4 + 2 * components))
        else {
            return;
        };
        for component in list.iter().step_by(2) {
            let complete = self.complete.entry(*component).or_insert([false; 64]);
            // The lower half is how many bits are still to come.
            let range = complete.get_mut(usize::from(*first)..=usize::from(*last).max(usize::from(*first)));
            if precision & 0x0f == 0 {
                range.into_iter().flatten().for_each(|complete| *complete = true);
            }
        }
    }

    /// Whether no scan is missing, as far as the headers show it.
    fn are_all(&self) -> bool {
        !self.progressive || self.complete.values().flatten().all(|complete| *complete)
    }
}

#[cfg(test)]
mod tests;
