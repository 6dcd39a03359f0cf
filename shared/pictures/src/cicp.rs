//! Colors that a PNG describes by numbers (`cICP`: coding-independent code points) instead of a profile.
//!
//! Only a PNG with the same numbers has the same colors. Where an image is encoded again, its pixels are
//! therefore converted to sRGB, which every format has without saying so.
//!
//! The chunk: <https://www.w3.org/TR/png-3/#cICP-chunk>; the numbers: ITU-T H.273.

use image::metadata::{
    Cicp, CicpColorPrimaries as Primaries, CicpMatrixCoefficients, CicpTransferCharacteristics as Transfer,
    CicpVideoFullRangeFlag,
};
use image::{ConvertColorOptions, DynamicImage};

/// Offset of the first chunk of a PNG.
const FIRST_CHUNK: usize = 8;

/// The color space that the chunk names; `None` without one, and for one that is not converted: brightness beyond
/// that of a usual screen (PQ, HLG) would need tone mapping.
pub(crate) fn color_space(png: &[u8]) -> Option<Cicp> {
    let [primaries, transfer, 0, 1] = chunk(png)? else { return None };
    let primaries = match primaries {
        1 => Primaries::SRgb,
        5 => Primaries::RgbB,
        6 => Primaries::Bt601,
        9 => Primaries::Rgb2020,
        11 => Primaries::SmpteRp431,
        12 => Primaries::SmpteRp432,
        _ => return None,
    };
    let transfer = match transfer {
        1 => Transfer::Bt709,
        4 => Transfer::Bt470M,
        5 => Transfer::Bt470BG,
        6 => Transfer::Bt601,
        8 => Transfer::Linear,
        13 => Transfer::SRgb,
        14 => Transfer::Bt2020_10bit,
        15 => Transfer::Bt2020_12bit,
        _ => return None,
    };
    let (matrix, full_range) = (CicpMatrixCoefficients::Identity, CicpVideoFullRangeFlag::FullRange);
    Some(Cicp { primaries, transfer, matrix, full_range })
}

/// The content of the chunk, which comes before the pixels.
fn chunk(png: &[u8]) -> Option<[u8; 4]> {
    let mut at = FIRST_CHUNK;
    loop {
        let length = usize::try_from(u32::from_be_bytes(png.get(at..at + 4)?.try_into().ok()?)).ok()?;
        match png.get(at + 4..at + 8)? {
            b"cICP" => return png.get(at + 8..at + 8 + length)?.try_into().ok(),
            b"IDAT" => return None,
            _ => at = at.checked_add(length)?.checked_add(12)?,
        }
    }
}

/// Converts pixels of this color space to sRGB. Returns whether they are in sRGB now.
pub(crate) fn to_srgb(pixels: &mut DynamicImage, from: Cicp) -> bool {
    pixels.set_color_space(from).is_ok()
        && pixels.apply_color_space(Cicp::SRGB, ConvertColorOptions::default()).is_ok()
}

#[cfg(test)]
mod tests;
