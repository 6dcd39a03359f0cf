use std::io::Cursor;

use domain::images::Size;
use domain::primitives::NamedValue as _;
use image::metadata::Orientation;
use image::{ColorType, Rgba};
use proptest::prelude::*;

use super::*;
use crate::decode::{MAX_PROFILE_BYTES, decode};

const FORMATS: [(image::ImageFormat, ImageFormat); 3] = [
    (image::ImageFormat::Png, ImageFormat::Png),
    (image::ImageFormat::Jpeg, ImageFormat::Jpeg),
    (image::ImageFormat::WebP, ImageFormat::Webp),
];

fn fit(bytes: Vec<u8>, size: (u32, u32)) -> FittedImage {
    decode(&bytes).unwrap().fit(bytes.into(), size).unwrap()
}

fn encoded(pixels: &DynamicImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Red on the left, blue on the right, with a white square in the center.
fn two_halves(width: u32, height: u32) -> DynamicImage {
    let spot = width.min(height) / 8;
    let image = image::RgbImage::from_fn(width, height, |x, y| {
        if x.abs_diff(width / 2) < spot && y.abs_diff(height / 2) < spot {
            image::Rgb([255, 255, 255])
        } else if x < width / 2 {
            image::Rgb([220, 20, 20])
        } else {
            image::Rgb([20, 20, 220])
        }
    });
    image.into()
}

/// The largest difference in any channel.
fn difference(one: Rgba<u8>, other: Rgba<u8>) -> u8 {
    one.0.iter().zip(other.0).map(|(one, other)| one.abs_diff(other)).max().unwrap_or(0)
}

#[test]
fn image_of_the_requested_size_keeps_its_bytes() {
    for (encoder, format) in FORMATS {
        let bytes = encoded(&two_halves(1024, 576), encoder);
        let fitted = fit(bytes.clone(), (1024, 576));
        assert_eq!((fitted.encoded.format, fitted.reencoded_from), (format, None));
        assert_eq!(fitted.encoded.bytes, bytes);
    }
}

#[test]
fn sizes_of_providers_fit_every_size_of_the_api() {
    // From docs/providers.md: GPT Image, DALL·E 3, SDXL, an upscaled one, quarters of a Midjourney grid.
    for (index, made) in [(1024, 1024), (1536, 1024), (720, 1280), (1344, 768), (2048, 2048), (1456, 816)]
        .into_iter()
        .enumerate()
    {
        let (encoder, format) = FORMATS[index % FORMATS.len()];
        let bytes = encoded(&two_halves(made.0, made.1), encoder);
        for size in Size::ALL {
            let fitted = fit(bytes.clone(), size.pixels());
            let again = decode(&fitted.encoded.bytes).unwrap();
            assert_eq!((again.width, again.height), size.pixels(), "{made:?}");
            assert_eq!((again.format, fitted.encoded.format), (format, format));
            assert_eq!(fitted.reencoded_from, (made != size.pixels()).then_some(made));
        }
    }
}

#[test]
fn crop_is_centered_and_keeps_the_ratio() {
    let fitted = fit(encoded(&two_halves(1536, 1024), image::ImageFormat::Png), (512, 512));
    let image = fitted.decoded.pixels.to_rgba8();
    let is = |x: u32, y: u32, color: [u8; 3]| {
        let wanted = Rgba([color[0], color[1], color[2], 255]);
        assert!(difference(*image.get_pixel(x, y), wanted) < 3, "{x} {y}: {:?}", image.get_pixel(x, y));
    };
    is(256, 256, [255, 255, 255]);
    // The square was 256 of 1024 pixels wide and high: now 128 of 512, still as wide as high.
    for (x, y) in [(200, 256), (312, 256), (256, 200), (256, 312)] {
        is(x, y, [255, 255, 255]);
    }
    is(180, 256, [220, 20, 20]);
    is(332, 256, [20, 20, 220]);
    is(5, 180, [220, 20, 20]);
    is(505, 332, [20, 20, 220]);
}

#[test]
fn every_pixel_format_is_kept() {
    let sample = two_halves(700, 500);
    for (pixels, color) in [
        (DynamicImage::from(sample.to_luma8()), ColorType::L8),
        (DynamicImage::from(sample.to_luma_alpha8()), ColorType::La8),
        (DynamicImage::from(sample.to_rgb8()), ColorType::Rgb8),
        (DynamicImage::from(sample.to_rgba8()), ColorType::Rgba8),
        (DynamicImage::from(sample.to_luma16()), ColorType::L16),
        (DynamicImage::from(sample.to_luma_alpha16()), ColorType::La16),
        (DynamicImage::from(sample.to_rgb16()), ColorType::Rgb16),
        (DynamicImage::from(sample.to_rgba16()), ColorType::Rgba16),
    ] {
        let fitted = fit(encoded(&pixels, image::ImageFormat::Png), (512, 512));
        let again = decode(&fitted.encoded.bytes).unwrap();
        assert_eq!((again.width, again.height, again.pixels.color()), (512, 512, color));
        let left = again.pixels.to_rgba8().get_pixel(100, 100).0;
        let expected = pixels.to_rgba8().get_pixel(200, 100).0;
        assert!(difference(Rgba(left), Rgba(expected)) < 3, "{color:?}");
    }
    let grey = encoded(&DynamicImage::from(sample.to_luma8()), image::ImageFormat::Jpeg);
    assert_eq!(decode(&fit(grey, (256, 256)).encoded.bytes).unwrap().pixels.color(), ColorType::L8);
    let transparent = DynamicImage::from(image::RgbaImage::from_pixel(700, 500, Rgba([10, 200, 30, 90])));
    let webp = fit(encoded(&transparent, image::ImageFormat::WebP), (256, 256));
    let again = decode(&webp.encoded.bytes).unwrap().pixels.to_rgba8();
    assert!(difference(*again.get_pixel(128, 128), Rgba([10, 200, 30, 90])) < 3);
}

#[test]
fn transparent_pixels_do_not_bleed_into_opaque_ones() {
    // Fully transparent green beside opaque red: with premultiplied alpha no green shows at the border.
    let image = image::RgbaImage::from_fn(800, 800, |x, _| {
        if x < 400 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) }
    });
    let fitted = fit(encoded(&image.into(), image::ImageFormat::Png), (256, 256));
    for pixel in fitted.decoded.pixels.to_rgba8().pixels() {
        assert!(pixel.0[3] == 0 || pixel.0[1] < 8, "{pixel:?}");
    }
}

#[test]
fn png_with_a_two_bit_palette_is_decoded() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 4);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(vec![220, 20, 20, 20, 20, 220, 0, 0, 0, 255, 255, 255]);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0b0000_0000, 0b0101_0101].repeat(4)).unwrap();
    writer.finish().unwrap();
    let fitted = fit(bytes, (256, 256));
    let image = fitted.decoded.pixels.to_rgba8();
    // Lanczos has ringing artifacts at such an enlargement.
    assert!(difference(*image.get_pixel(20, 128), Rgba([220, 20, 20, 255])) < 30);
    assert!(difference(*image.get_pixel(236, 128), Rgba([20, 20, 220, 255])) < 30);
}

/// A JPEG with this EXIF orientation.
fn with_orientation(pixels: &DynamicImage, orientation: Orientation) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation.to_exif(), 0, 0, 0, 0, 0, 0, 0]);
    let mut bytes = encoded(pixels, image::ImageFormat::Jpeg);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    let segment = [&[0xff, 0xe1], &length[..], &exif].concat();
    bytes.splice(2..2, segment);
    bytes
}

#[test]
fn exif_orientation_is_applied_and_removed() {
    // Viewers show this image 512 pixels wide and 1024 high, red above blue.
    let bytes = with_orientation(&two_halves(1024, 512), Orientation::Rotate90);
    let image = decode(&bytes).unwrap();
    assert_eq!((image.width, image.height), (512, 1024));
    let fitted = fit(bytes, (512, 1024));
    assert_eq!(fitted.reencoded_from, Some((512, 1024)));
    let again = decode(&fitted.encoded.bytes).unwrap();
    assert_eq!((again.width, again.height, again.oriented), (512, 1024, false));
    let pixels = again.pixels.to_rgba8();
    assert!(difference(*pixels.get_pixel(256, 100), Rgba([220, 20, 20, 255])) < 12);
    assert!(difference(*pixels.get_pixel(256, 900), Rgba([20, 20, 220, 255])) < 12);
}

/// The shortest profile of this color space.
fn profile(space: &[u8; 4]) -> Vec<u8> {
    let mut profile = vec![0; 132];
    profile[16..20].copy_from_slice(space);
    profile
}

#[test]
fn profile_is_kept_only_for_its_color_space() {
    for (_, format) in FORMATS {
        let mut image = decode(&encoded(&two_halves(300, 300), image::ImageFormat::Png)).unwrap();
        image.format = format;
        for (space, stays) in [(b"RGB ", true), (b"CMYK", false), (b"GRAY", false)] {
            image.profile = Some(profile(space));
            let fitted = image.clone().fit(Bytes::new(), (256, 256)).unwrap();
            let again = decode(&fitted.encoded.bytes).unwrap();
            assert_eq!(again.profile, stays.then(|| profile(space)), "{format:?}");
            // Without the profile, a list would show other colors than the image has.
            let thumbnail = decode(&fitted.decoded.thumbnail().unwrap().bytes).unwrap();
            assert_eq!(thumbnail.profile, stays.then(|| profile(space)), "{format:?}");
        }
    }
    let mut grey = decode(&encoded(&two_halves(300, 300), image::ImageFormat::Png)).unwrap();
    grey.pixels = grey.pixels.into_luma8().into();
    grey.profile = Some(profile(b"GRAY"));
    let thumbnail = decode(&grey.thumbnail().unwrap().bytes).unwrap();
    assert_eq!((thumbnail.pixels.color(), thumbnail.profile), (ColorType::L8, grey.profile));
}

#[test]
fn profile_beyond_the_limit_is_dropped() {
    let pixels = two_halves(300, 300);
    for (_, format) in FORMATS {
        for (length, stays) in [(MAX_PROFILE_BYTES, true), (MAX_PROFILE_BYTES + 1, false), (15 << 20, false)]
        {
            let mut oversized = profile(b"RGB ");
            oversized.resize(length, 0);
            let (width, height, pixels) = (300, 300, pixels.clone());
            let image =
                DecodedImage { format, width, height, oriented: false, profile: Some(oversized), pixels };
            let image = decode(&image.encode().unwrap()).unwrap();
            assert_eq!(image.profile.is_some(), stays, "{format:?} {length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn image_of_any_size_fits_any_requested_size(
        made in (1u32..1000, 1u32..1000),
        size in prop::sample::select(Size::ALL),
        format in prop::sample::select(&FORMATS[..]),
    ) {
        let (encoder, format) = format;
        let fitted = fit(encoded(&two_halves(made.0, made.1), encoder), size.pixels());
        let again = decode(&fitted.encoded.bytes).unwrap();
        prop_assert_eq!((again.width, again.height, again.format), (size.pixels().0, size.pixels().1, format));
        prop_assert_eq!(fitted.reencoded_from.is_some(), made != size.pixels());

        // An image that fits keeps its bytes: nothing is resampled twice.
        let bytes = fitted.encoded.bytes.clone();
        let twice = again.fit(bytes.clone(), size.pixels()).unwrap();
        prop_assert_eq!(twice.reencoded_from, None);
        prop_assert_eq!(twice.encoded.bytes, bytes);
    }

    #[test]
    fn image_of_one_color_keeps_its_color(
        made in (1u32..900, 1u32..900),
        size in (1u32..900, 1u32..900),
        color in any::<[u8; 4]>(),
    ) {
        let image = image::RgbaImage::from_pixel(made.0, made.1, Rgba([color[0], color[1], color[2], 255]));
        let fitted = fit(encoded(&image.into(), image::ImageFormat::Png), size);
        prop_assert_eq!((fitted.decoded.width, fitted.decoded.height), size);
        for pixel in fitted.decoded.pixels.to_rgba8().pixels() {
            prop_assert!(difference(*pixel, Rgba([color[0], color[1], color[2], 255])) < 3);
        }
    }

    #[test]
    fn truncated_or_changed_bytes_never_panic(
        format in prop::sample::select(&FORMATS[..]),
        cut in 0.0f64..1.0,
        at in 0.0f64..1.0,
        byte in any::<u8>(),
    ) {
        let mut bytes = encoded(&two_halves(90, 60), format.0);
        let place = (bytes.len() as f64 * at) as usize;
        bytes[place] = byte;
        let _ = decode(&bytes).map(|image| image.fit(bytes.clone().into(), (64, 64)));
        bytes.truncate((bytes.len() as f64 * cut) as usize);
        let _ = decode(&bytes).map(|image| image.fit(bytes.clone().into(), (64, 64)));
    }
}
