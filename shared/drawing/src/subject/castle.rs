use super::stand::Stand;
use crate::canvas::Canvas;
use crate::math::smooth;
use crate::noise::cloud;
use crate::palette::lamp;
use crate::scene::Scene;

/// The keep and the towers as (middle, half width, height, has a pointed roof), from the back to the front.
const TOWERS: [(f32, f32, f32, bool); 6] = [
    (0.02, 0.105, 0.74, true),
    (-0.24, 0.070, 0.56, true),
    (0.26, 0.075, 0.62, true),
    (-0.10, 0.065, 0.48, false),
    (-0.40, 0.062, 0.38, true),
    (0.43, 0.066, 0.42, true),
];

pub(super) fn paint(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    for (index, &(middle, half, tall, pointed)) in TOWERS.iter().enumerate() {
        if index == 4 {
            wall(canvas, scene, stand);
        }
        tower(canvas, scene, stand, (middle, half, tall), pointed);
    }
}

fn tower(
    canvas: &mut Canvas,
    scene: &Scene,
    stand: &Stand,
    (middle, half, tall): (f32, f32, f32),
    pointed: bool,
) {
    let palette = &scene.palette;
    let (lit, shade) = (palette.wall_lit.mix(palette.near, 0.16), palette.wall_shade.mix(palette.near, 0.30));
    let seed = scene.plan.random.part("stone").seed();
    let body = stand.bar(middle - half, middle + half, -0.03, tall).with(stand.polygon(&[
        (middle - half, tall - 0.075),
        (middle - half * 1.18, tall - 0.045),
        (middle - half * 1.18, tall),
        (middle + half * 1.18, tall),
        (middle + half * 1.18, tall - 0.045),
        (middle + half, tall - 0.075),
    ]));
    canvas.fill(&body, |place| {
        let own = stand.own(place);
        let across = (own.x - middle) / half;
        let stone = cloud(own.x * 34.0, own.y * 60.0, 2, seed) * 0.05;
        lit.mix(shade, smooth(-0.8, 0.8, across)).lit(1.0 + stone - 0.16 * smooth(0.25, 0.0, own.y)).light()
    });
    if pointed {
        let (roof_lit, roof_shade) =
            (palette.accent.mix(palette.glow, 0.18), palette.accent.mix(palette.near, 0.68));
        let tip = tall + half * 2.9;
        let roof = stand.polygon(&[
            (middle - half * 1.32, tall - 0.004),
            (middle, tip),
            (middle + half * 1.32, tall - 0.004),
        ]);
        stand.round(canvas, &roof, middle, half, roof_lit, roof_shade);
        stand.flat(
            canvas,
            &stand.stroke(&[(middle, tip - 0.01), (middle, tip + 0.07)], 0.007, 0.004),
            palette.near,
        );
        let flag = stand.polygon(&[(middle, tip + 0.07), (middle + 0.06, tip + 0.05), (middle, tip + 0.03)]);
        stand.flat(canvas, &flag, palette.accent);
    } else {
        battlements(canvas, scene, stand, middle - half * 1.18, middle + half * 1.18, tall);
    }
    let glass = if palette.dark > 0.3 { lamp() } else { palette.near.mix(palette.wall_shade, 0.15) };
    for y in [tall * 0.80, tall * 0.55] {
        let slit = stand.bar(middle - 0.011, middle + 0.011, y - 0.024, y + 0.012).with(stand.ellipse(
            middle,
            y + 0.012,
            0.011,
            0.011,
        ));
        stand.flat(canvas, &slit, glass);
        if palette.dark > 0.3 {
            canvas.glow(stand.at(middle, y), 0.07 * stand.tall, lamp().light() * 0.35);
        }
    }
}

fn wall(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let palette = &scene.palette;
    let (lit, shade) = (palette.wall_lit.mix(palette.near, 0.26), palette.wall_shade.mix(palette.near, 0.34));
    let seed = scene.plan.random.part("wall").seed();
    canvas.fill(&stand.bar(-0.42, 0.44, -0.04, 0.235), |place| {
        let own = stand.own(place);
        let stone = cloud(own.x * 34.0, own.y * 60.0, 2, seed) * 0.05;
        lit.mix(shade, smooth(-0.5, 0.5, own.x)).lit(1.0 + stone - 0.14 * smooth(0.14, 0.0, own.y)).light()
    });
    battlements(canvas, scene, stand, -0.42, 0.44, 0.235);
    let gate = stand.bar(-0.02, 0.10, -0.04, 0.10).with(stand.ellipse(0.04, 0.10, 0.06, 0.06));
    stand.flat(canvas, &gate, palette.near);
    let inner = stand.bar(-0.005, 0.085, -0.04, 0.095).with(stand.ellipse(0.04, 0.095, 0.045, 0.045));
    stand.flat(canvas, &inner, palette.near.mix(lamp(), 0.55 * palette.dark));
}

fn battlements(canvas: &mut Canvas, scene: &Scene, stand: &Stand, left: f32, right: f32, y: f32) {
    let palette = &scene.palette;
    let count = ((right - left) / 0.036) as i32;
    let step = (right - left) / count as f32;
    for index in 0..count {
        let x = left + step * index as f32;
        let t = smooth(-0.4, 0.4, x);
        let color = palette.wall_lit.mix(palette.near, 0.2).mix(palette.wall_shade.mix(palette.near, 0.3), t);
        stand.flat(canvas, &stand.bar(x, x + step * 0.58, y - 0.002, y + 0.028), color);
    }
}
