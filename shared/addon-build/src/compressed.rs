//! The compressed forms, made once, at publication.

use std::io::Write as _;

use brotlic::{BrotliEncoderOptions, CompressorWriter, Quality, WindowSize};
use flate2::write::GzEncoder;

/// Brotli's best. It takes twenty times as long as level 9 for a tenth less, which is worth it once per version.
const BROTLI_QUALITY: u8 = 11;
const QUICK_BROTLI_QUALITY: u8 = 7;
/// A window of 4 MiB, which is Brotli's own default and more than any addon.
const BROTLI_WINDOW: u8 = 22;

/// One content, compressed in the two ways that every browser and proxy knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compressed {
    pub brotli: Vec<u8>,
    pub gzip: Vec<u8>,
}

/// How much time compression may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// As far as it goes, for what every page loads.
    Most,
    /// A twentieth of the time for a tenth more bytes, for what developers look at.
    Quick,
}

/// Compresses. No time and no name is in the result.
#[must_use]
pub fn compress(bytes: &[u8], effort: Effort) -> Compressed {
    let quality = match effort {
        Effort::Most => BROTLI_QUALITY,
        Effort::Quick => QUICK_BROTLI_QUALITY,
    };
    let brotli = brotli(bytes, quality);
    debug_assert!(brotli.is_some(), "the parameters are valid, and writing goes to memory");
    Compressed { brotli: brotli.unwrap_or_default(), gzip: gzip(bytes) }
}

fn brotli(bytes: &[u8], quality: u8) -> Option<Vec<u8>> {
    let encoder = BrotliEncoderOptions::new()
        .quality(Quality::new(quality).ok()?)
        .window_size(WindowSize::new(BROTLI_WINDOW).ok()?)
        .size_hint(u32::try_from(bytes.len()).ok()?)
        .build()
        .ok()?;
    let mut encoder = CompressorWriter::with_encoder(encoder, Vec::new());
    encoder.write_all(bytes).ok()?;
    encoder.into_inner().ok()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    let written = encoder.write_all(bytes);
    debug_assert!(written.is_ok(), "writing to memory");
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Read as _;

    use super::*;

    #[test]
    fn both_forms_unpack_to_the_content_and_are_the_same_each_time() {
        let content = "function café(){return '😀'}\n".repeat(500);
        let compressed = compress(content.as_bytes(), Effort::Most);
        let mut unpacked = Vec::new();
        ::brotli::BrotliDecompress(&mut compressed.brotli.as_slice(), &mut unpacked).unwrap();
        assert_eq!(unpacked, content.as_bytes());
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(compressed.gzip.as_slice()).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, content);
        assert!(compressed.brotli.len() < compressed.gzip.len());
        assert_eq!(compress(content.as_bytes(), Effort::Most), compressed);
        let quick = compress(content.as_bytes(), Effort::Quick);
        let mut unpacked = Vec::new();
        ::brotli::BrotliDecompress(&mut quick.brotli.as_slice(), &mut unpacked).unwrap();
        assert!(unpacked == content.as_bytes() && quick.gzip == compressed.gzip);
        // No time in the header, which would make each result another.
        assert_eq!(compressed.gzip[4..8], [0; 4]);
    }

    #[test]
    fn nothing_can_be_compressed() {
        let compressed = compress(b"", Effort::Quick);
        assert!(!compressed.brotli.is_empty() && !compressed.gzip.is_empty());
    }
}
