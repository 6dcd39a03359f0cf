//! Memory and time that images take. The benchmark, which prints the times of thumbnails and resampling:
//!
//! ```text
//! cargo test --release --workspace --test cost -- --ignored --nocapture bench
//! ```

#![cfg(target_os = "linux")]
// A test that cannot continue panics.
#![allow(clippy::unwrap_used)]

use std::io::Cursor;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder as _, ImageFormat, Rgba, RgbaImage};
use pictures::decode::{MAX_IMAGE_BYTES, MAX_PIXELS, MAX_PIXELS_16_BIT, decode};
use pictures::error::ImageError;
use pictures::grid::quarters;
use pictures::prepare::prepare;
use testkit::webp;

/// In pixels: the largest size of the API, and the one whose ratio differs most from the images made here.
const REQUESTED_SIZE: (u32, u32) = (1792, 1024);
/// Limit for images of known sizes. A worker may take 256 MiB for them in all; some 40 MiB of that are its
/// own and four encoded images.
const MAX_MIB: u64 = 208;
/// Limit for the worst images that are accepted: less than half of the memory that template.yaml gives a
/// worker.
const MAX_MIB_AT_WORST: u64 = 400;
const CASE: &str = "SEMANTEST_COST_CASE";

/// As hard to compress as the images of providers: smooth, with noise of so many bits, and partly transparent
/// with `alpha`.
fn test_image((width, height): (u32, u32), alpha: bool, noise_bits: u32) -> DynamicImage {
    let mut grain = 1u32;
    let image = RgbaImage::from_fn(width, height, |x, y| {
        grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (grain >> (32 - noise_bits)) as u8;
        let wave = |at: u32| (((at as f32 / 97.0).sin() + 1.0) * 120.0) as u8 + noise;
        Rgba([wave(x), wave(y), wave(x + y), if alpha { wave(x) } else { 255 }])
    });
    if alpha { image.into() } else { DynamicImage::from(image).into_rgb8().into() }
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A progressive JPEG, whose coefficients a decoder must hold all at once. It has a single color, so that
/// every coefficient is the same single bit; three components or four (CMYK); and comments up to the limit of
/// bytes.
fn progressive((width, height): (u32, u32), components: u8) -> Vec<u8> {
    let segment = |marker: u8, content: &[u8]| {
        [&[0xff, marker][..], &(content.len() as u16 + 2).to_be_bytes(), content].concat()
    };
    let [high, wide] = [height, width].map(|side| (side as u16).to_be_bytes());
    let each = |tail: &'static [u8]| (1..=components).flat_map(move |id| [&[id], tail].concat());
    let frame = [&[8][..], &high, &wide, &[components], &each(&[0x11, 0]).collect::<Vec<_>>()].concat();
    let scan = [&[components][..], &each(&[0]).collect::<Vec<_>>(), &[0, 0, 0]].concat();
    let one_code = [&[0, 1][..], &[0; 15], &[0]].concat();
    let blocks = (width.div_ceil(8) * height.div_ceil(8)) as usize * usize::from(components);
    let comment = segment(0xfe, &[0; 60_000]);
    [
        vec![0xff, 0xd8],
        comment.repeat((MAX_IMAGE_BYTES - 1_000_000) / comment.len()),
        segment(0xdb, &[&[0][..], &[1; 64]].concat()),
        segment(0xc2, &frame),
        segment(0xc4, &one_code),
        segment(0xda, &scan),
        vec![0; blocks.div_ceil(8)],
        vec![0xff, 0xd9],
    ]
    .concat()
}

/// A PNG with a color profile of so many zero bytes.
fn with_profile(image: &DynamicImage, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_icc_profile(vec![0; length]).unwrap();
    image.write_with_encoder(encoder).unwrap();
    bytes
}

/// What is done with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// It is prepared so many times concurrently.
    Prepare(usize),
    /// It is cut into quarters.
    Quarters,
    /// It is rejected as too large.
    Reject,
}

const WORKS: [Work; 4] = [Work::Prepare(1), Work::Prepare(4), Work::Quarters, Work::Reject];

/// Returns the peak memory, in MiB, of a child process that does this work.
fn peak(bytes: &[u8], work: Work) -> u64 {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("semantest-cost-{}-{number}", std::process::id()));
    std::fs::write(&file, bytes).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--nocapture", "--exact", "child_works_and_prints_its_peak"]);
    let work = WORKS.iter().position(|known| *known == work).unwrap();
    let output = child.env(CASE, format!("{work} {}", file.display())).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let (_, peak) = text.split_once("peak: ").unwrap_or_else(|| panic!("no peak: {output:?}"));
    peak.split_whitespace().next().unwrap().parse::<u64>().unwrap().div_ceil(1024)
}

/// The child process of [`peak`].
#[tokio::test]
#[ignore = "run by other tests"]
async fn child_works_and_prints_its_peak() {
    let case = std::env::var(CASE).unwrap();
    let (work, file) = case.split_once(' ').unwrap();
    let bytes = bytes::Bytes::from(std::fs::read(file).unwrap());
    match WORKS[work.parse::<usize>().unwrap()] {
        Work::Prepare(times) => {
            let all = (0..times).map(|_| prepare(bytes.clone(), REQUESTED_SIZE));
            for prepared in futures_util::future::join_all(all).await {
                assert!(prepared.unwrap().reencoded_from.is_some());
            }
        }
        Work::Quarters => {
            assert_eq!(quarters(bytes, vec![0, 1, 2, 3], REQUESTED_SIZE).await.unwrap().len(), 4);
        }
        Work::Reject => assert_eq!(prepare(bytes, REQUESTED_SIZE).await, Err(ImageError::TooLarge)),
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("peak: {}", status.split_once("VmHWM:").unwrap().1);
}

/// A name, the bytes of an image, and what is done with it.
type Case = (&'static str, Vec<u8>, Work);

fn sides(pixels: u64) -> (u32, u32) {
    (4096, (pixels / 4096) as u32)
}

/// The largest images that providers are known to send.
fn known() -> Vec<Case> {
    let grid = encoded(&test_image((4096, 4096), false, 3), ImageFormat::Png);
    let one = test_image((2048, 2048), false, 3);
    vec![
        ("grid, PNG", grid, Work::Quarters),
        ("PNG", encoded(&one, ImageFormat::Png), Work::Prepare(4)),
        ("JPEG", encoded(&one, ImageFormat::Jpeg), Work::Prepare(4)),
        ("WebP", encoded(&one, ImageFormat::WebP), Work::Prepare(4)),
    ]
}

/// The largest images that are accepted, in every form that takes most memory in a decoder or in resampling.
fn worst() -> Vec<Case> {
    let largest = sides(MAX_PIXELS);
    let (width, height) = (largest.0 as u16, largest.1 as u16);
    let transparent = test_image(largest, true, 3);
    let opaque = test_image(largest, false, 3);
    let grainy = encoded(&test_image(largest, false, 4), ImageFormat::Png);
    let deep = DynamicImage::from(test_image(sides(MAX_PIXELS_16_BIT), true, 3).into_rgba16());
    let mut lossy = webp::lossy(width, height);
    lossy.resize(MAX_IMAGE_BYTES - 1000, 0);
    let alpha = webp::alpha();
    let frame: [webp::Chunk<'_>; 2] = [(b"ALPH", &alpha), (b"VP8 ", &lossy)];
    let still = webp::with_head((largest.0, largest.1, 0x10), &frame);
    let four = Work::Prepare(4);
    vec![
        ("PNG, RGBA", encoded(&transparent, ImageFormat::Png), four),
        ("WebP, RGBA", encoded(&transparent, ImageFormat::WebP), four),
        ("PNG, RGBA of 16 bits", encoded(&deep, ImageFormat::Png), four),
        ("PNG, RGB of most bytes", grainy.clone(), four),
        ("grid of most bytes", grainy, Work::Quarters),
        ("WebP, RGB", encoded(&opaque, ImageFormat::WebP), four),
        ("WebP with loss, RGBA", still, Work::Prepare(1)),
        ("WebP, animated", webp::animation(largest, &frame), Work::Prepare(1)),
        ("JPEG, progressive", progressive(largest, 3), four),
        ("JPEG, progressive, inks", progressive(largest, 4), four),
        ("PNG with a profile", with_profile(&opaque, 7 << 20), four),
        ("PNG with a load", with_profile(&opaque, 79 << 20), four),
        ("WebP of 65,536 tables", webp::bomb(512, 512), Work::Reject),
    ]
}

#[test]
fn four_known_images_stay_within_the_memory_of_a_worker() {
    for (name, bytes, work) in known() {
        let peak = peak(&bytes, work);
        assert!(peak < MAX_MIB, "{name}: {peak} MiB");
    }
}

#[test]
fn worst_images_stay_within_half_of_the_memory() {
    for (name, bytes, work) in worst() {
        let peak = peak(&bytes, work);
        assert!(peak < MAX_MIB_AT_WORST, "{name}: {peak} MiB");
    }
}

#[test]
#[ignore = "a benchmark"]
fn bench() {
    println!(
        "\n{:>22} {:>8} {:>10} {:>10} {:>12}",
        "2048x2048 → 1792x1024", "decode", "thumbnail", "fit", "peak of 4"
    );
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let bytes = encoded(&test_image((2048, 2048), false, 3), format);
        let image = decode(&bytes).unwrap();
        let decode = median(|| drop(decode(&bytes).unwrap()));
        let thumbnail = median(|| drop(image.thumbnail().unwrap()));
        let fit = median(|| drop(image.clone().fit(bytes.clone().into(), REQUESTED_SIZE).unwrap()));
        let times = |time: Duration| format!("× {:.2}", time.as_secs_f64() / decode.as_secs_f64());
        println!(
            "{:>22} {:>5} ms {:>10} {:>10} {:>8} MiB",
            format!("{format:?}"),
            decode.as_millis(),
            times(thumbnail),
            times(fit),
            peak(&bytes, Work::Prepare(4)),
        );
    }
    for (name, bytes, work) in known().into_iter().chain(worst()) {
        println!("{name:>24}: {work:?} of {} MiB: {} MiB", bytes.len() >> 20, peak(&bytes, work));
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
