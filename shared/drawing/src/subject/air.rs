use super::stand::Stand;
use crate::canvas::Canvas;
use crate::math::{mix, smooth};
use crate::path::{Path, at};
use crate::random::Random;
use crate::scene::Scene;

/// Paints a flock on the side of the light.
pub(super) fn birds(canvas: &mut Canvas, scene: &Scene, large: bool, random: &mut Random) {
    let palette = &scene.palette;
    let light = palette.near.mix(palette.sky[1], if large { 0.05 } else { 0.30 }).light();
    let count = if large { 11 } else { 3 + random.below(4) };
    let middle = at(
        scene.width * 0.5 + scene.light_side * scene.width * random.between(0.02, 0.20),
        scene.horizon * random.between(0.38, 0.58),
    );
    for index in 0..count {
        let spread = if large { 0.30 } else { 0.13 };
        let size = if large { random.between(0.020, 0.070) } else { random.between(0.010, 0.018) };
        let place =
            middle + at(random.between(-spread, spread) * 1.3, random.between(-spread, spread) * 0.75);
        let flap = random.between(0.05, 0.55) * if index % 3 == 0 { -0.4 } else { 1.0 };
        let bank = random.between(-0.18, 0.18);
        for side in [-1.0_f32, 1.0] {
            let lift = flap + bank * side;
            let wing = [
                place,
                place + at(side * size * 0.48, -size * (0.18 + lift * 0.55)),
                place + at(side * size, -size * lift * 0.45),
            ];
            canvas.fill(&Path::stroke(&wing, size * 0.17, size * 0.02), |_| light);
        }
        canvas.fill(&Path::ellipse(place + at(0.0, size * 0.01), size * 0.075, size * 0.12), |_| light);
    }
}

/// Paints hot-air balloons: one near, some in the distance.
pub(super) fn balloons(canvas: &mut Canvas, scene: &Scene) {
    let mut random = scene.plan.random.part("balloons");
    let reach = scene.horizon.min(scene.width);
    let far: Vec<(f32, f32, f32)> =
        (0..4).map(|_| (random.unit(), random.between(0.22, 0.72), random.between(0.08, 0.17))).collect();
    for (index, (x, y, size)) in far.into_iter().enumerate() {
        let foot =
            at(scene.width * mix(0.06, 0.94, (x + index as f32) / 4.0), scene.horizon * y + reach * size);
        balloon(
            canvas,
            scene,
            &Stand { foot, tall: reach * size, light_side: scene.light_side },
            0.62 - size,
            index,
        );
    }
    let foot = at(scene.focus, scene.horizon * 0.74);
    balloon(canvas, scene, &Stand { foot, tall: reach * 0.56, light_side: scene.light_side }, 0.0, 0);
}

fn balloon(canvas: &mut Canvas, scene: &Scene, stand: &Stand, faded: f32, kind: usize) {
    let palette = &scene.palette;
    let air = palette.sky[2];
    let accent = palette.accent.turned(kind as f32 * 95.0).mix(air, faded);
    let white = palette.wall_lit.mix(air, faded);
    let dark = palette.near.mix(palette.soil, 0.15).mix(air, faded);
    let rope = (1.0 / (canvas.scale * stand.tall)).max(0.006);
    for x in [-0.05, 0.05] {
        stand.flat(canvas, &stand.stroke(&[(x * 2.0, 0.26), (x, 0.10)], rope, rope), dark);
    }
    let bag = stand.blob(&[
        (0.0, 0.235),
        (-0.10, 0.25),
        (-0.24, 0.43),
        (-0.335, 0.62),
        (-0.29, 0.84),
        (-0.15, 0.965),
        (0.0, 1.0),
        (0.15, 0.965),
        (0.29, 0.84),
        (0.335, 0.62),
        (0.24, 0.43),
        (0.10, 0.25),
    ]);
    canvas.fill(&bag, |place| {
        let own = stand.own(place);
        let rise = ((own.y - 0.235) / 0.765).clamp(0.0, 1.0);
        let wide = 0.34 * smooth(-0.25, 0.52, rise) * (1.0 - 0.92 * smooth(0.55, 1.08, rise) * rise) + 0.02;
        let across = (own.x / wide).clamp(-1.0, 1.0);
        // The panels of the envelope look narrower towards its edge.
        let gore = (across * (1.0 + 0.35 * across * across) * 2.9 + 8.5) as i32;
        let cloth = if gore % 2 == 0 { accent } else { white };
        let belt = smooth(0.50, 0.51, rise) - smooth(0.60, 0.61, rise);
        let cloth = cloth.mix(accent.turned(40.0).mix(palette.glow, 0.2), belt * 0.85);
        let turn = smooth(-0.9, 0.95, across * 0.8 + (0.6 - rise) * 0.8);
        cloth.mix(palette.glow, 0.22 * (1.0 - turn)).mix(palette.near, 0.48 * turn * (1.0 - faded)).light()
    });
    let basket = stand.polygon(&[(-0.062, 0.11), (-0.05, 0.0), (0.05, 0.0), (0.062, 0.11)]);
    stand.round(canvas, &basket, 0.0, 0.06, dark.mix(palette.glow, 0.35), dark);
    if palette.dark > 0.3 {
        let flame = crate::palette::lamp().light();
        canvas.glow(stand.at(0.0, 0.30), 0.40 * stand.tall, flame * (0.5 * (1.0 - faded)));
    }
}
