use proptest::prelude::*;
use testkit::webp::{Chunk, alpha, animation, lossy, riff, with_head};

use super::*;
use crate::decode::decode;

fn corrupt(bytes: &[u8]) -> bool {
    matches!(check(bytes), Err(ImageError::Corrupt(_)))
}

#[test]
fn frame_larger_than_the_image_is_corrupt() {
    let (small, large) = (lossy(512, 512), lossy(16_383, 16_383)[..1000].to_vec());
    let plain = (512, 512, 0);
    assert_eq!(decode(&with_head(plain, &[(b"VP8 ", &small)])).unwrap().width, 512);
    assert!(corrupt(&with_head(plain, &[(b"VP8 ", &large)])));
    assert!(corrupt(&with_head(plain, &[(b"EXIF", &[1, 2, 3]), (b"VP8 ", &large)])));
    assert!(corrupt(&with_head(plain, &[(b"VP8 ", &lossy(512, 513))])));
    assert!(corrupt(&with_head(plain, &[(b"VP8 ", &lossy(513, 512))])));
}

#[test]
fn large_animation_frame_of_any_name_is_corrupt() {
    let (small, large) = (lossy(512, 512), lossy(16_383, 16_383)[..1000].to_vec());
    let alpha = alpha();
    let frames = |frame: &[Chunk<'_>]| animation((512, 512), frame);
    assert_eq!(decode(&frames(&[(b"VP8 ", &small)])).unwrap().height, 512);
    assert_eq!(decode(&frames(&[(b"ALPH", &alpha), (b"VP8 ", &small)])).unwrap().height, 512);
    assert!(corrupt(&frames(&[(b"VP8 ", &large)])));
    assert!(corrupt(&frames(&[(b"ALPH", &alpha), (b"VP8 ", &large)])));
    assert!(corrupt(&frames(&[(b"ALPH", &alpha), (b"what", &large)])));
}

#[test]
fn chunk_longer_than_the_file_is_corrupt() {
    let small = lossy(64, 64);
    for name in [b"ICCP", b"EXIF", b"XMP "] {
        let mut bytes = with_head((64, 64, 0), &[(b"VP8 ", &small), (name, &[0; 8])]);
        let at = bytes.len() - 12;
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(corrupt(&bytes), "{name:?}");
    }
    let nested = [&b"ICCP"[..], &u32::MAX.to_le_bytes(), &[0; 16]].concat();
    let frame = [&[0; 16][..], &nested].concat();
    assert!(corrupt(&with_head((64, 64, 2), &[(b"ANIM", &[0; 6]), (b"ANMF", &frame)])));
    assert!(corrupt(&riff(&[(b"VP8X", &[0; 5])])));
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

#[test]
fn exif_orientation_of_a_webp_is_ignored() {
    // Little-endian TIFF with one entry: orientation, a short, rotated by 90 degrees.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    // The flag 8 says that there is EXIF.
    let bytes = with_head((512, 256, 8), &[(b"VP8 ", &lossy(512, 256)), (b"EXIF", exif)]);
    let image = decode(&bytes).unwrap();
    assert_eq!((image.width, image.height, image.oriented), (512, 256, false));
    let fitted = image.fit(bytes.clone().into(), (512, 256)).unwrap();
    assert_eq!(fitted.encoded.bytes, bytes);
}
