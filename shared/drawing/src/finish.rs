//! Converts the linear light of a canvas to a PNG: bloom, vignette, contrast, grain.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageResult};

use crate::canvas::Canvas;
use crate::color::Light;
use crate::math::{mix, smooth};
use crate::noise::fraction;
use crate::path::{Point, at};

pub(super) struct Finish {
    pub(super) saturation: f32,
    pub(super) contrast: f32,
    pub(super) grain: f32,
    pub(super) seed: u32,
}

/// Number of bloom cells along the shorter side. The halo is soft, so a coarse grid is enough.
const BLOOM_CELLS: usize = 96;

pub(super) fn png(canvas: &Canvas, finish: &Finish) -> ImageResult<Vec<u8>> {
    let bloom = bloom(canvas);
    let middle = at(canvas.width() * 0.5, canvas.height() * 0.5);
    let reach = middle.length();
    let mut samples = Vec::with_capacity(canvas.columns * canvas.rows * 3);
    for row in 0..canvas.rows {
        for column in 0..canvas.columns {
            let place = at((column as f32 + 0.5) / canvas.scale, (row as f32 + 0.5) / canvas.scale);
            let painted = canvas.pixels[row * canvas.columns + column];
            let halo = bloom.sample(place);
            let shade = 1.0 - 0.30 * smooth(0.45, 1.05, (place - middle).length() / reach);
            let light = (painted + halo * 0.35) * shade;
            // The sum of two uniform noises hides the steps of 8 bits better than one (triangular dither).
            // Amplified in the middle tones it serves as the grain too.
            let dither = fraction(column as i32, row as i32, finish.seed)
                + fraction(column as i32, row as i32, finish.seed ^ 0x5bd1_e995)
                - 1.0;
            samples.extend(develop(light, finish, dither));
        }
    }
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive).write_image(
        &samples,
        canvas.columns as u32,
        canvas.rows as u32,
        ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

fn develop(light: Light, finish: &Finish, dither: f32) -> [u8; 3] {
    let luminance = light.luminance();
    [light.red, light.green, light.blue].map(|channel| {
        let channel = mix(luminance, channel, finish.saturation).max(0.0);
        let value = encoded(shoulder(channel));
        let curve = value * value * (3.0 - 2.0 * value);
        let value = mix(value, curve, finish.contrast);
        let grain = dither * (0.5 + finish.grain * 4.0 * value * (1.0 - value));
        (value * 255.0 + grain + 0.5).clamp(0.0, 255.0) as u8
    })
}

/// Tone curve: keeps values up to the knee, and compresses brighter ones instead of clipping them.
fn shoulder(x: f32) -> f32 {
    let knee = 0.70;
    if x <= knee {
        return x;
    }
    let over = (x - knee) / (1.0 - knee);
    knee + (1.0 - knee) * over / (1.0 + over * 0.85)
}

/// The sRGB transfer curve, approximated with square roots (error below a third of an 8-bit step).
fn encoded(x: f32) -> f32 {
    if x <= 0.003_130_8 {
        return 12.92 * x;
    }
    let root = x.sqrt();
    let fourth = root.sqrt();
    let eighth = fourth.sqrt();
    (0.662_002_7 * root + 0.684_122 * fourth - 0.323_583_6 * eighth - 0.022_541_147 * x).min(1.0)
}

/// Returns the brightest parts of the canvas, reduced and blurred.
fn bloom(canvas: &Canvas) -> Canvas {
    let step = (canvas.columns.min(canvas.rows) / BLOOM_CELLS).max(1);
    let mut small = Canvas::new(canvas.columns.div_ceil(step), canvas.rows.div_ceil(step));
    small.scale = canvas.scale / step as f32;
    for row in 0..small.rows {
        for column in 0..small.columns {
            let mut sum = Light::default();
            let mut count = 0.0;
            for y in row * step..((row + 1) * step).min(canvas.rows) {
                for x in column * step..((column + 1) * step).min(canvas.columns) {
                    let light = canvas.pixels[y * canvas.columns + x];
                    sum = sum + light * smooth(0.45, 1.1, light.luminance());
                    count += 1.0;
                }
            }
            small.pixels[row * small.columns + column] = sum * (1.0 / count);
        }
    }
    for _ in 0..2 {
        blur(&mut small, at(1.0, 0.0));
        blur(&mut small, at(0.0, 1.0));
    }
    small
}

/// Averages each cell with its neighbors along one direction.
fn blur(canvas: &mut Canvas, direction: Point) {
    let before = canvas.pixels.clone();
    for row in 0..canvas.rows {
        for column in 0..canvas.columns {
            let mut sum = Light::default();
            for offset in -3_i32..=3 {
                let x = (column as i32 + offset * direction.x as i32).clamp(0, canvas.columns as i32 - 1);
                let y = (row as i32 + offset * direction.y as i32).clamp(0, canvas.rows as i32 - 1);
                sum = sum + before[y as usize * canvas.columns + x as usize];
            }
            canvas.pixels[row * canvas.columns + column] = sum * (1.0 / 7.0);
        }
    }
}
