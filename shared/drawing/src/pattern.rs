//! Abstract images, for prompts that name neither a subject nor a place.

use crate::canvas::Canvas;
use crate::color::Color;
use crate::math::{cos, mix, sin, smooth};
use crate::noise::{cloud, noise, skyline};
use crate::palette::Palette;
use crate::path::{Path, at};
use crate::plan::Plan;
use crate::words::Pattern;

pub(super) fn paint(canvas: &mut Canvas, plan: &Plan, pattern: Pattern, detailed: bool) {
    let palette = Palette::of(plan);
    match pattern {
        Pattern::Ribbons => ribbons(canvas, plan, &palette, detailed),
        Pattern::Orbits => orbits(canvas, plan, &palette),
    }
}

/// A gradient through the colors of the palette, for `t` from 0 to 1.
fn scale(palette: &Palette, t: f32) -> Color {
    let stops = [
        palette.near,
        palette.deep,
        palette.sky[0],
        palette.sky[1],
        palette.accent,
        palette.sky[2],
        palette.sky[3],
        palette.glow,
    ];
    let place = t.clamp(0.0, 0.9999) * (stops.len() - 1) as f32;
    let index = place as usize;
    stops[index].mix(stops[index + 1], place - index as f32)
}

/// Paints overlapping folds of silk, each with light on its crest.
fn ribbons(canvas: &mut Canvas, plan: &Plan, palette: &Palette, detailed: bool) {
    let mut random = plan.random.part("ribbons");
    let (width, height) = (canvas.width(), canvas.height());
    let seed = random.seed();
    let tilt = random.between(-0.45, 0.45);
    canvas.repaint(0.0, height, |point, _| {
        let t = point.y / height + 0.12 * cloud(point.x, point.y, 3, seed);
        scale(palette, 0.95 - 0.40 * t).light()
    });
    let count = 11;
    let folds: Vec<Fold> = (0..count)
        .map(|fold| {
            let t = fold as f32 / (count - 1) as f32;
            Fold {
                t,
                seed: random.seed(),
                base: mix(0.06, 1.02, t) * height,
                swing: random.between(0.14, 0.30) * height.min(1.3),
                pace: random.between(0.55, 1.05),
                tilt: tilt * (0.4 + 0.6 * t),
                middle: width * 0.5,
                color: scale(palette, (0.86 - 0.80 * t + random.between(-0.10, 0.10)).clamp(0.0, 1.0)),
            }
        })
        .collect();
    let octaves = if detailed { 4 } else { 3 };
    // Later folds hide most of a fold. For hidden pixels the noise is not computed.
    let columns: Vec<f32> = (0..canvas.columns).map(|column| (column as f32 + 0.5) / canvas.scale).collect();
    let mut hidden = vec![vec![f32::MAX; columns.len()]];
    for fold in folds.iter().skip(1).rev() {
        let edges = columns.iter().map(|&x| fold.line(x) + 3.0 / canvas.scale);
        let above = hidden.last().map_or(&[][..], Vec::as_slice);
        hidden.push(edges.zip(above).map(|(edge, &above)| edge.min(above)).collect());
    }
    hidden.reverse();
    for (fold, hidden) in folds.iter().zip(&hidden) {
        fold.paint(canvas, palette, octaves, hidden);
    }
}

struct Fold {
    /// 0 for the farthest fold, 1 for the nearest.
    t: f32,
    seed: u32,
    base: f32,
    swing: f32,
    pace: f32,
    tilt: f32,
    middle: f32,
    color: Color,
}

impl Fold {
    fn line(&self, x: f32) -> f32 {
        self.base
            + self.tilt * (x - self.middle)
            + self.swing * skyline(x * self.pace + self.t * 1.9, 2, self.seed)
            + 0.05 * sin(x * 0.7 + self.t * 2.3)
    }

    fn paint(&self, canvas: &mut Canvas, palette: &Palette, octaves: u32, hidden: &[f32]) {
        let Self { t, seed, color, .. } = *self;
        let glint = color.mix(palette.glow, 0.55);
        let dark = color.mix(palette.near, 0.55);
        // The shadow of the fold on the folds behind it.
        let shadow = dark.light();
        let (height, pixels) = (canvas.height(), canvas.scale);
        canvas.above(
            |x| self.line(x),
            0.10,
            |light, above| light.mix(shadow, 0.42 * (1.0 - above) * (1.0 - above)),
        );
        canvas.ground(
            |x| self.line(x),
            height,
            |point, below| {
                if point.y > hidden[(point.x * pixels) as usize] {
                    return shadow;
                }
                let weave = cloud(point.x * 1.6, below * 2.2 + t * 9.0, octaves, seed ^ 5);
                let thread = noise(below * 34.0 + 5.0 * weave, 0.5, seed ^ 6);
                let crest = 1.0 - smooth(0.0, 0.030, below);
                let sheen = smooth(-0.1, 0.7, weave + 0.12 * thread);
                color
                    .mix(dark, smooth(0.0, 0.34, below) * 0.75)
                    .mix(glint, 0.55 * crest * smooth(-0.5, 0.6, weave + 0.3) + 0.30 * sheen)
                    .light()
            },
        );
    }
}

/// Paints discs, rings and arcs around a common center.
fn orbits(canvas: &mut Canvas, plan: &Plan, palette: &Palette) {
    let mut random = plan.random.part("orbits");
    let (width, height) = (canvas.width(), canvas.height());
    let seed = random.seed();
    let lean = random.between(-0.4, 0.4);
    let dusk = random.chance(0.5);
    let (start, run) = if dusk { (0.10, 0.32) } else { (0.97, -0.30) };
    canvas.repaint(0.0, height, |point, _| {
        let t = point.y / height + lean * (point.x / width - 0.5);
        let paper = cloud(point.x * 26.0, point.y * 26.0, 3, seed) * 0.010;
        scale(palette, start + run * t).saturated(0.65).lit(1.0 + paper).light()
    });
    let center = at(width * random.between(0.36, 0.64), height * random.between(0.38, 0.60));
    let reach = (width * width + height * height).sqrt() * 0.5;
    for ring in 0..9 {
        let radius = reach * mix(0.16, 1.05, ring as f32 / 8.0) * random.between(0.92, 1.06);
        let color = scale(palette, random.unit()).light();
        let (from, sweep) = (random.unit(), random.between(0.18, 0.9));
        let thick = random.between(0.002, 0.030) * if random.chance(0.3) { 2.2 } else { 1.0 };
        let arc: Vec<_> = (0..=40)
            .map(|step| {
                let turn = from + sweep * step as f32 / 40.0;
                at(center.x + radius * cos(turn), center.y + radius * sin(turn))
            })
            .collect();
        let opacity = random.between(0.45, 0.95);
        canvas.glaze(&Path::stroke(&arc, thick, thick), |_| (color, opacity));
    }
    let bodies = 9;
    for body in 0..bodies {
        let turn = random.unit();
        let out = if body == 0 { 0.0 } else { reach * random.between(0.20, 0.92) };
        let place = at(center.x + out * cos(turn), center.y + out * sin(turn));
        let radius = if body == 0 { random.between(0.20, 0.27) } else { random.between(0.018, 0.125) };
        let color = if body == 0 { palette.accent } else { scale(palette, random.unit()) };
        let (lit, shade) = (color.mix(palette.glow, 0.45), color.mix(palette.near, 0.62));
        let bands = random.between(2.0, 7.0);
        let veil = random.seed();
        // A soft shadow makes the body float above the paper.
        let dark = palette.near.light();
        let under = place + at(radius * 0.22, radius * 0.30);
        canvas.glaze(&Path::ellipse(under, radius * 1.35, radius * 1.35), |point| {
            let near = 1.0 - (point - under).length() / (radius * 1.35);
            (dark, 0.36 * smooth(0.0, 0.7, near))
        });
        canvas.glaze(&Path::ellipse(place, radius, radius), |point| {
            let own = (point - place) * (1.0 / radius);
            let towards = -own.x * 0.6 - own.y * 0.75;
            let stripe = cloud(own.x * 0.8 + 9.0, own.y * bands, 3, veil);
            let light = shade.mix(lit, smooth(-0.9, 0.9, towards + stripe * 0.45)).light();
            (light, 1.0)
        });
        if body == 0 {
            canvas.glow(place, radius * 2.4, palette.glow.light() * 0.16);
        }
    }
}
