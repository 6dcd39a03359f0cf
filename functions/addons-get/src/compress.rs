//! Compression of what is put together here. Contents are stored compressed.

use std::io::Write as _;

use brotli::enc::BrotliEncoderParams;
use domain::Error;
use edge::http::content_coding::Coding;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Brotli at 5 is smaller than gzip at its best, and takes half its time; at 11 a bundle of 4 MB would take 40 s.
const BROTLI_QUALITY: i32 = 5;

/// Compresses `bytes`.
pub(crate) fn compress(bytes: &[u8], coding: Coding) -> Result<Vec<u8>, Error> {
    match coding {
        Coding::Identity => Ok(bytes.to_vec()),
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).map_err(Error::internal)?;
            encoder.finish().map_err(Error::internal)
        }
        Coding::Brotli => {
            let parameters = BrotliEncoderParams {
                quality: BROTLI_QUALITY,
                size_hint: bytes.len(),
                ..BrotliEncoderParams::default()
            };
            let mut compressed = Vec::new();
            brotli::BrotliCompress(&mut &bytes[..], &mut compressed, &parameters).map_err(Error::internal)?;
            Ok(compressed)
        }
    }
}
