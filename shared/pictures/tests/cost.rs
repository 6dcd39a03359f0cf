//! What pictures cost in memory and time. The bench, which prints what thumbnails and resampling cost:
//!
//! ```text
//! cargo test --release --workspace --test cost -- --ignored --nocapture bench
//! ```

#![cfg(target_os = "linux")]
// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use std::io::Cursor;
use std::process::Command;
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use pictures::picture::{MOST_DEEP_PIXELS, MOST_JPEG_PIXELS, MOST_PIXELS, MOST_SEE_THROUGH_PIXELS, inspect};
use pictures::prepare::prepare;

/// The size that fits least well to what is made here, and is the largest of the contract.
const ASKED: (u32, u32) = (1792, 1024);
/// What a worker may take in all is 256 MiB; some 40 are its own, with four encoded images.
const MOST_MIB: u64 = 208;
const CASE: &str = "SEMANTEST_COST_CASE";

/// As hard to compress as what providers draw: smooth, with grain, seen through in places if asked for.
fn drawn(width: u32, height: u32, alpha: bool) -> DynamicImage {
    let mut grain = 1u32;
    let picture = RgbaImage::from_fn(width, height, |x, y| {
        grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (grain >> 29) as u8;
        let wave = |at: u32| (((at as f32 / 97.0).sin() + 1.0) * 120.0) as u8 + noise;
        Rgba([wave(x), wave(y), wave(x + y), if alpha { wave(x) } else { 255 }])
    });
    if alpha { picture.into() } else { DynamicImage::from(picture).into_rgb8().into() }
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A progressive JPEG, which a decoder must hold in whole before it can show any: grey, so that every
/// coefficient is the same single bit.
fn progressive(width: u16, height: u16) -> Vec<u8> {
    let segment = |marker: u8, content: &[u8]| {
        [&[0xff, marker][..], &(content.len() as u16 + 2).to_be_bytes(), content].concat()
    };
    let [high, wide] = [height.to_be_bytes(), width.to_be_bytes()];
    let frame = [&[8][..], &high, &wide, &[3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]].concat();
    let one_code = [&[0, 1][..], &[0; 15], &[0]].concat();
    let blocks = usize::from(width.div_ceil(8)) * usize::from(height.div_ceil(8)) * 3;
    [
        vec![0xff, 0xd8],
        segment(0xdb, &[&[0][..], &[1; 64]].concat()),
        segment(0xc2, &frame),
        segment(0xc4, &one_code),
        segment(0xda, &[3, 1, 0, 2, 0, 3, 0, 0, 0, 0]),
        vec![0; blocks.div_ceil(8)],
        vec![0xff, 0xd9],
    ]
    .concat()
}

/// What a process of its own takes at most, in MiB, to prepare this picture as often as that.
fn peak(bytes: &[u8], times: u8) -> u64 {
    let file = std::env::temp_dir().join(format!("semantest-cost-{}-{}", std::process::id(), bytes.len()));
    std::fs::write(&file, bytes).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--nocapture", "--exact", "prepares_and_tells_its_peak"]);
    let output = child.env(CASE, format!("{times} {}", file.display())).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let (_, peak) = text.split_once("peak: ").unwrap_or_else(|| panic!("no peak: {output:?}"));
    peak.split_whitespace().next().unwrap().parse::<u64>().unwrap().div_ceil(1024)
}

/// The child of [`peak`].
#[tokio::test]
#[ignore = "a part of the others"]
async fn prepares_and_tells_its_peak() {
    let case = std::env::var(CASE).unwrap();
    let (times, file) = case.split_once(' ').unwrap();
    let bytes = bytes::Bytes::from(std::fs::read(file).unwrap());
    let all = (0..times.parse::<u8>().unwrap()).map(|_| prepare(bytes.clone(), ASKED));
    for prepared in futures_util::future::join_all(all).await {
        assert!(prepared.unwrap().remade_from.is_some());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("peak: {}", status.split_once("VmHWM:").unwrap().1);
}

/// The largest pictures that are let in, in every form that takes a decoder or the resampling most.
fn worst() -> Vec<(&'static str, Vec<u8>)> {
    let sides = |pixels: u64| (4096, (pixels / 4096) as u32);
    let see_through = |pixels| drawn(sides(pixels).0, sides(pixels).1, true);
    let opaque = drawn(sides(MOST_PIXELS).0, sides(MOST_PIXELS).1, false);
    let jpeg = sides(MOST_JPEG_PIXELS);
    let deep = DynamicImage::from(see_through(MOST_DEEP_PIXELS).into_rgba16());
    vec![
        ("PNG, RGBA", encoded(&see_through(MOST_SEE_THROUGH_PIXELS), ImageFormat::Png)),
        ("WebP, RGBA", encoded(&see_through(MOST_SEE_THROUGH_PIXELS), ImageFormat::WebP)),
        ("PNG, RGBA of 16 bits", encoded(&deep, ImageFormat::Png)),
        ("PNG, RGB", encoded(&opaque, ImageFormat::Png)),
        ("WebP, RGB", encoded(&opaque, ImageFormat::WebP)),
        ("JPEG, progressive", progressive(jpeg.0 as u16, jpeg.1 as u16)),
    ]
}

#[test]
fn the_largest_pictures_stay_within_the_memory_four_at_once() {
    for (name, bytes) in worst() {
        let peak = peak(&bytes, 4);
        assert!(peak < MOST_MIB, "{name}: {peak} MiB");
    }
}

#[test]
#[ignore = "the bench"]
fn bench() {
    println!(
        "\n{:>22} {:>8} {:>10} {:>10} {:>12}",
        "2048x2048 → 1792x1024", "decode", "thumbnail", "fit", "peak of 4"
    );
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let bytes = encoded(&drawn(2048, 2048, false), format);
        let picture = inspect(&bytes).unwrap();
        let decode = median(|| drop(inspect(&bytes).unwrap()));
        let thumbnail = median(|| drop(picture.thumbnail().unwrap()));
        let fit = median(|| drop(picture.clone().fit(bytes.clone().into(), ASKED).unwrap()));
        let times = |time: Duration| format!("× {:.2}", time.as_secs_f64() / decode.as_secs_f64());
        println!(
            "{:>22} {:>5} ms {:>10} {:>10} {:>8} MiB",
            format!("{format:?}"),
            decode.as_millis(),
            times(thumbnail),
            times(fit),
            peak(&bytes, 4),
        );
    }
    for (name, bytes) in worst() {
        println!("{name:>22} at the limits: peak of 4 {} MiB", peak(&bytes, 4));
    }
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..9)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[4]
}
