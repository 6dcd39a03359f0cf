use crate::canvas::Canvas;
use crate::color::Color;
use crate::math::{mix, smooth};
use crate::noise::fraction;
use crate::palette::lamp;
use crate::path::{Path, at};
use crate::random::Random;
use crate::scene::Scene;
use crate::sky;

/// Paints three rows of buildings, one in front of the other.
pub(super) fn paint(canvas: &mut Canvas, scene: &Scene, random: &mut Random) {
    for (depth, tall) in [(0.12, 0.46), (0.42, 0.36), (0.80, 0.24)] {
        let mut x = -0.05;
        while x < scene.width {
            let wide = random.between(0.055, 0.125) * (0.75 + 0.5 * depth);
            // Buildings are taller near the focus.
            let crowd = 1.0 / (1.0 + (x - scene.focus) * (x - scene.focus) * 5.0);
            let rise = tall * random.between(0.45, 1.0) * mix(0.62, 1.35, crowd);
            tower(canvas, scene, depth, x, wide, rise, random);
            x += wide + random.between(-0.006, 0.02);
        }
        sky::haze(canvas, scene, 0.30 - 0.2 * depth, 0.55 * (1.0 - depth));
    }
}

fn tower(
    canvas: &mut Canvas,
    scene: &Scene,
    depth: f32,
    left: f32,
    wide: f32,
    rise: f32,
    random: &mut Random,
) {
    let palette = &scene.palette;
    let foot = scene.horizon + 0.10 * depth + 0.02;
    let top = foot - rise;
    let wall = scene.land(depth).turned(random.between(-14.0, 14.0));
    let (lit, shade) = (wall.mix(palette.glow, 0.20), wall.mix(palette.near, 0.30));
    let mut outline = vec![at(left, scene.height), at(left, top)];
    match random.below(4) {
        0 => outline.extend([
            at(left + wide * 0.2, top),
            at(left + wide * 0.2, top - rise * 0.10),
            at(left + wide * 0.8, top - rise * 0.10),
            at(left + wide * 0.8, top),
        ]),
        1 => outline.extend([
            at(left + wide * 0.46, top - rise * 0.05),
            at(left + wide * 0.49, top - rise * 0.24),
            at(left + wide * 0.51, top - rise * 0.24),
            at(left + wide * 0.54, top - rise * 0.05),
        ]),
        2 => outline.push(at(left + wide * 0.3, top - rise * 0.07)),
        _ => {}
    }
    outline.extend([at(left + wide, top), at(left + wide, scene.height)]);
    let seed = random.seed();
    let pane = 0.0125 + 0.008 * depth;
    let glass = lamp().mix(Color::new(0.86, 0.07, 60.0), random.unit()).light();
    let dim = shade.mix(palette.sky[2], 0.22).light();
    let burning = mix(0.03, 0.46, palette.dark);
    let split = left + wide * if scene.light_side > 0.0 { 0.38 } else { 0.62 };
    let pixel = 1.0 / canvas.scale;
    canvas.fill(&Path::polygon(&outline), |point| {
        let sunny = smooth(-pixel, pixel, (point.x - split) * scene.light_side);
        let down = smooth(0.0, rise * 1.1, point.y - top);
        let color = shade.mix(lit, sunny).mix(palette.near, 0.18 * down * depth);
        let face = color.light();
        let (u, v) = ((point.x - left) / (pane * 0.8), (point.y - top) / pane);
        if point.y < top + pane * 0.6 || point.x < left + pane * 0.3 || point.x > left + wide - pane * 0.3 {
            return face;
        }
        let (column, row) = (u as i32, v as i32);
        let (across, up) = (u - column as f32, v - row as f32);
        let soft = pixel / pane;
        let inside = smooth(0.24 - soft, 0.24 + soft, across)
            * (1.0 - smooth(0.76 - soft, 0.76 + soft, across))
            * smooth(0.28 - soft, 0.28 + soft, up)
            * (1.0 - smooth(0.80 - soft, 0.80 + soft, up));
        let lot = fraction(column, row, seed);
        let window = if lot < burning { glass * (0.45 + 0.55 * lot / burning) } else { dim };
        face.mix(window, inside * mix(0.35, 0.95, depth))
    });
}
