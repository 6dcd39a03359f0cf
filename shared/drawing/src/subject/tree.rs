use super::stand::Stand;
use crate::canvas::Canvas;
use crate::math::{cos, mix, sin, smooth};
use crate::noise::cloud;
use crate::path::{Path, at};
use crate::random::Random;
use crate::scene::Scene;
use crate::words::Time;

/// Paints a broad tree: limbs, then clumps of leaves from the back to the front.
pub(super) fn paint(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let palette = &scene.palette;
    let mut random = scene.plan.random.part("tree");
    let bark = palette.near.mix(palette.soil, 0.18);
    let trunk = stand
        .stroke(&[(0.0, -0.02), (0.012, 0.20), (-0.008, 0.40), (0.02, 0.62)], 0.085, 0.030)
        .with(stand.polygon(&[(-0.085, -0.02), (-0.03, 0.10), (0.04, 0.10), (0.09, -0.02)]));
    stand.round(canvas, &trunk, 0.0, 0.05, bark.mix(palette.glow, 0.35), bark);
    for (x, y) in [(-0.28, 0.56), (0.30, 0.58), (-0.15, 0.78), (0.17, 0.80), (-0.36, 0.46), (0.37, 0.47)] {
        let limb = stand.stroke(&[(0.0, 0.26), (x * 0.35, y * 0.70), (x, y)], 0.036, 0.010);
        stand.round(canvas, &limb, 0.0, 0.3, bark.mix(palette.glow, 0.25), bark);
    }
    leaves(canvas, scene, stand, &mut random);
}

fn leaves(canvas: &mut Canvas, scene: &Scene, stand: &Stand, random: &mut Random) {
    let palette = &scene.palette;
    let autumn = scene.plan.time == Time::Sunset || scene.plan.accent.is_some();
    let leaf = if autumn {
        palette.accent.mix(palette.glow, 0.18)
    } else {
        palette.soil.mix(palette.lit(crate::color::Color::new(0.55, 0.12, 140.0)), 0.65)
    };
    let seed = random.seed();
    let clumps = if scene.detailed { 420 } else { 300 };
    let mut places: Vec<(f32, f32, f32)> = (0..clumps)
        .map(|_| {
            let turn = random.unit();
            let out = random.unit().sqrt();
            let (x, y) = (0.42 * out * cos(turn), 0.685 + 0.270 * out * sin(turn));
            (x, y - 0.10 * (x * x) / 0.16, mix(0.026, 0.052, random.unit()))
        })
        .collect();
    // The lit top is nearest to the viewer.
    places.sort_by(|one, other| (one.1 - one.0 * 0.6).total_cmp(&(other.1 - other.0 * 0.6)));
    for (x, y, radius) in places {
        let wobble = random.unit();
        let outline: Vec<_> = (0..16)
            .map(|corner| {
                let turn = corner as f32 / 16.0;
                let reach = radius * (1.0 + 0.45 * cloud(turn * 11.0 + wobble * 40.0, 3.3, 2, seed));
                stand.at(x + reach * cos(turn) * 1.15, y + reach * sin(turn))
            })
            .collect();
        let whole = smooth(-0.45, 0.50, (y - 0.62) - x * 0.75);
        let dark = leaf.mix(palette.near, 0.68 - 0.30 * whole);
        let lit = leaf.mix(palette.near, 0.22 * (1.0 - whole)).mix(palette.glow, 0.30 * whole);
        canvas.fill(&Path::blob(&outline), |place| {
            let own = stand.own(place) - at(x, y);
            let towards = (own.y - own.x * 0.7) / radius;
            let flutter = cloud(place.x * 90.0, place.y * 90.0, 2, seed);
            dark.mix(lit, smooth(-0.9, 1.2, towards + flutter * 1.1)).light()
        });
    }
}
