use std::io::Cursor;

use domain::images::Size;
use domain::primitives::Word as _;
use image::metadata::Orientation;
use image::{ColorType, Rgba};
use proptest::prelude::*;

use super::*;
use crate::picture::{MOST_PROFILE, inspect};

const FORMATS: [(image::ImageFormat, ImageFormat); 3] = [
    (image::ImageFormat::Png, ImageFormat::Png),
    (image::ImageFormat::Jpeg, ImageFormat::Jpeg),
    (image::ImageFormat::WebP, ImageFormat::Webp),
];

fn fit(bytes: Vec<u8>, size: (u32, u32)) -> Fitted {
    inspect(&bytes).unwrap().fit(bytes.into(), size).unwrap()
}

fn encoded(pixels: &DynamicImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Red on the left, blue on the right, with a white spot in the very middle.
fn two_halves(width: u32, height: u32) -> DynamicImage {
    let spot = width.min(height) / 8;
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        if x.abs_diff(width / 2) < spot && y.abs_diff(height / 2) < spot {
            image::Rgb([255, 255, 255])
        } else if x < width / 2 {
            image::Rgb([220, 20, 20])
        } else {
            image::Rgb([20, 20, 220])
        }
    });
    picture.into()
}

/// The most that a channel of two pixels is apart.
fn apart(one: Rgba<u8>, other: Rgba<u8>) -> u8 {
    one.0.iter().zip(other.0).map(|(one, other)| one.abs_diff(other)).max().unwrap_or(0)
}

#[test]
fn the_right_size_is_passed_on_byte_for_byte() {
    for (encoder, format) in FORMATS {
        let bytes = encoded(&two_halves(1024, 576), encoder);
        let fitted = fit(bytes.clone(), (1024, 576));
        assert_eq!((fitted.encoded.format, fitted.remade_from), (format, None));
        assert_eq!(fitted.encoded.bytes, bytes);
    }
}

#[test]
fn every_size_of_the_contract_comes_out_of_what_providers_make() {
    // What providers.md names: GPT Image, DALL·E 3, SDXL, an upscaled one, quadrants of Midjourney.
    for (index, made) in [(1024, 1024), (1536, 1024), (720, 1280), (1344, 768), (2048, 2048), (1456, 816)]
        .into_iter()
        .enumerate()
    {
        let (encoder, format) = FORMATS[index % 3];
        let bytes = encoded(&two_halves(made.0, made.1), encoder);
        for size in Size::ALL {
            let fitted = fit(bytes.clone(), size.pixels());
            let again = inspect(&fitted.encoded.bytes).unwrap();
            assert_eq!((again.width, again.height), size.pixels(), "{made:?}");
            assert_eq!((again.format, fitted.encoded.format), (format, format));
            assert_eq!(fitted.remade_from, (made != size.pixels()).then_some(made));
        }
    }
}

#[test]
fn the_middle_stays_in_the_middle_and_nothing_is_stretched() {
    let fitted = fit(encoded(&two_halves(1536, 1024), image::ImageFormat::Png), (512, 512));
    let picture = fitted.picture.pixels.to_rgba8();
    let is = |x: u32, y: u32, colour: [u8; 3]| {
        let wanted = Rgba([colour[0], colour[1], colour[2], 255]);
        assert!(apart(*picture.get_pixel(x, y), wanted) < 3, "{x} {y}: {:?}", picture.get_pixel(x, y));
    };
    is(256, 256, [255, 255, 255]);
    // The spot was 256 pixels both ways of 1024: now 128 of 512, as wide as high.
    for (x, y) in [(200, 256), (312, 256), (256, 200), (256, 312)] {
        is(x, y, [255, 255, 255]);
    }
    is(180, 256, [220, 20, 20]);
    is(332, 256, [20, 20, 220]);
    is(5, 180, [220, 20, 20]);
    is(505, 332, [20, 20, 220]);
}

#[test]
fn every_kind_of_pixel_keeps_its_kind() {
    let sample = two_halves(700, 500);
    for (pixels, colour) in [
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
        let again = inspect(&fitted.encoded.bytes).unwrap();
        assert_eq!((again.width, again.height, again.pixels.color()), (512, 512, colour));
        let left = again.pixels.to_rgba8().get_pixel(100, 100).0;
        let expected = pixels.to_rgba8().get_pixel(200, 100).0;
        assert!(apart(Rgba(left), Rgba(expected)) < 3, "{colour:?}");
    }
    let grey = encoded(&DynamicImage::from(sample.to_luma8()), image::ImageFormat::Jpeg);
    assert_eq!(inspect(&fit(grey, (256, 256)).encoded.bytes).unwrap().pixels.color(), ColorType::L8);
    let seen_through = DynamicImage::from(image::RgbaImage::from_pixel(700, 500, Rgba([10, 200, 30, 90])));
    let webp = fit(encoded(&seen_through, image::ImageFormat::WebP), (256, 256));
    let again = inspect(&webp.encoded.bytes).unwrap().pixels.to_rgba8();
    assert!(apart(*again.get_pixel(128, 128), Rgba([10, 200, 30, 90])) < 3);
}

#[test]
fn what_cannot_be_seen_does_not_bleed_into_what_can() {
    // Green that is not there beside red that is: premultiplied, no green shows at the border.
    let picture = image::RgbaImage::from_fn(800, 800, |x, _| {
        if x < 400 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) }
    });
    let fitted = fit(encoded(&picture.into(), image::ImageFormat::Png), (256, 256));
    for pixel in fitted.picture.pixels.to_rgba8().pixels() {
        assert!(pixel.0[3] == 0 || pixel.0[1] < 8, "{pixel:?}");
    }
}

#[test]
fn a_palette_of_two_bits_is_read() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 4);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(vec![220, 20, 20, 20, 20, 220, 0, 0, 0, 255, 255, 255]);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0b0000_0000, 0b0101_0101].repeat(4)).unwrap();
    writer.finish().unwrap();
    let fitted = fit(bytes, (256, 256));
    let picture = fitted.picture.pixels.to_rgba8();
    // Enlarged so much, Lanczos rings.
    assert!(apart(*picture.get_pixel(20, 128), Rgba([220, 20, 20, 255])) < 30);
    assert!(apart(*picture.get_pixel(236, 128), Rgba([20, 20, 220, 255])) < 30);
}

/// A JPEG whose EXIF says that it is to be turned.
fn turned(pixels: &DynamicImage, orientation: Orientation) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation.to_exif(), 0, 0, 0, 0, 0, 0, 0]);
    let mut bytes = encoded(pixels, image::ImageFormat::Jpeg);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    let segment = [&[0xff, 0xe1], &length[..], &exif].concat();
    bytes.splice(2..2, segment);
    bytes
}

#[test]
fn what_is_stored_turned_comes_out_upright() {
    // To its viewer this picture is 512 wide and 1024 high, red above blue.
    let bytes = turned(&two_halves(1024, 512), Orientation::Rotate90);
    let picture = inspect(&bytes).unwrap();
    assert_eq!((picture.width, picture.height), (512, 1024));
    let fitted = fit(bytes, (512, 1024));
    assert_eq!(fitted.remade_from, Some((512, 1024)));
    let again = inspect(&fitted.encoded.bytes).unwrap();
    assert_eq!((again.width, again.height, again.turned), (512, 1024, false));
    let pixels = again.pixels.to_rgba8();
    assert!(apart(*pixels.get_pixel(256, 100), Rgba([220, 20, 20, 255])) < 12);
    assert!(apart(*pixels.get_pixel(256, 900), Rgba([20, 20, 220, 255])) < 12);
}

/// The least that passes for a profile of this colour space.
fn profile(space: &[u8; 4]) -> Vec<u8> {
    let mut profile = vec![0; 132];
    profile[16..20].copy_from_slice(space);
    profile
}

#[test]
fn a_profile_stays_with_the_colours_that_it_explains() {
    for (_, format) in FORMATS {
        let mut picture = inspect(&encoded(&two_halves(300, 300), image::ImageFormat::Png)).unwrap();
        picture.format = format;
        for (space, stays) in [(b"RGB ", true), (b"CMYK", false), (b"GRAY", false)] {
            picture.profile = Some(profile(space));
            let fitted = picture.clone().fit(Bytes::new(), (256, 256)).unwrap();
            let again = inspect(&fitted.encoded.bytes).unwrap();
            assert_eq!(again.profile, stays.then(|| profile(space)), "{format:?}");
            // A list that shows other colours than the picture itself looks wrong.
            let thumbnail = inspect(&fitted.picture.thumbnail().unwrap().bytes).unwrap();
            assert_eq!(thumbnail.profile, stays.then(|| profile(space)), "{format:?}");
        }
    }
    let mut grey = inspect(&encoded(&two_halves(300, 300), image::ImageFormat::Png)).unwrap();
    grey.pixels = grey.pixels.into_luma8().into();
    grey.profile = Some(profile(b"GRAY"));
    let thumbnail = inspect(&grey.thumbnail().unwrap().bytes).unwrap();
    assert_eq!((thumbnail.pixels.color(), thumbnail.profile), (ColorType::L8, grey.profile));
}

#[test]
fn a_profile_that_is_no_profile_but_a_load_is_dropped() {
    let pixels = two_halves(300, 300);
    for (_, format) in FORMATS {
        for (length, stays) in [(MOST_PROFILE, true), (MOST_PROFILE + 1, false), (15 << 20, false)] {
            let mut load = profile(b"RGB ");
            load.resize(length, 0);
            let (width, height, pixels) = (300, 300, pixels.clone());
            let heavy = Picture { format, width, height, turned: false, profile: Some(load), pixels };
            let picture = inspect(&heavy.encode().unwrap()).unwrap();
            assert_eq!(picture.profile.is_some(), stays, "{format:?} {length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_picture_comes_out_in_any_size(
        made in (1u32..1000, 1u32..1000),
        size in prop::sample::select(Size::ALL),
        format in prop::sample::select(&FORMATS[..]),
    ) {
        let (encoder, format) = format;
        let fitted = fit(encoded(&two_halves(made.0, made.1), encoder), size.pixels());
        let again = inspect(&fitted.encoded.bytes).unwrap();
        prop_assert_eq!((again.width, again.height, again.format), (size.pixels().0, size.pixels().1, format));
        prop_assert_eq!(fitted.remade_from.is_some(), made != size.pixels());

        // And what fits stays as it is: nothing is ever resampled twice.
        let bytes = fitted.encoded.bytes.clone();
        let twice = again.fit(bytes.clone(), size.pixels()).unwrap();
        prop_assert_eq!(twice.remade_from, None);
        prop_assert_eq!(twice.encoded.bytes, bytes);
    }

    #[test]
    fn a_picture_of_one_colour_stays_of_one_colour(
        made in (1u32..900, 1u32..900),
        size in (1u32..900, 1u32..900),
        colour in any::<[u8; 4]>(),
    ) {
        let picture = image::RgbaImage::from_pixel(made.0, made.1, Rgba([colour[0], colour[1], colour[2], 255]));
        let fitted = fit(encoded(&picture.into(), image::ImageFormat::Png), size);
        prop_assert_eq!((fitted.picture.width, fitted.picture.height), size);
        for pixel in fitted.picture.pixels.to_rgba8().pixels() {
            prop_assert!(apart(*pixel, Rgba([colour[0], colour[1], colour[2], 255])) < 3);
        }
    }

    #[test]
    fn bytes_that_are_cut_or_changed_are_a_picture_or_an_error(
        format in prop::sample::select(&FORMATS[..]),
        cut in 0.0f64..1.0,
        at in 0.0f64..1.0,
        byte in any::<u8>(),
    ) {
        let mut bytes = encoded(&two_halves(90, 60), format.0);
        let place = (bytes.len() as f64 * at) as usize;
        bytes[place] = byte;
        let _ = inspect(&bytes).map(|picture| picture.fit(bytes.clone().into(), (64, 64)));
        bytes.truncate((bytes.len() as f64 * cut) as usize);
        let _ = inspect(&bytes).map(|picture| picture.fit(bytes.clone().into(), (64, 64)));
    }
}
