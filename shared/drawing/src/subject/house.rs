use super::stand::Stand;
use crate::canvas::Canvas;
use crate::math::smooth;
use crate::palette::lamp;
use crate::scene::Scene;

/// Paints a cottage seen from the corner: the gable faces the light, the long side is in shade.
pub(super) fn paint(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let palette = &scene.palette;
    let (lit, shade) = (palette.wall_lit, palette.wall_shade);
    let roof = palette.accent.mix(palette.near, 0.30);
    let dark = palette.near.mix(shade, 0.12);
    smoke(canvas, scene, stand);
    stand.round(canvas, &stand.bar(0.36, 0.50, 0.70, 1.06), 0.43, 0.07, roof, roof.mix(palette.near, 0.5));
    stand.flat(canvas, &stand.bar(0.34, 0.52, 1.03, 1.08), dark);
    let gable = stand.polygon(&[(-0.70, 0.0), (-0.70, 0.52), (-0.32, 0.96), (0.06, 0.52), (0.06, 0.0)]);
    canvas.fill(&gable, |place| {
        let own = stand.own(place);
        lit.mix(shade, 0.12 + 0.14 * smooth(-0.7, 0.06, own.x))
            .mix(palette.near, 0.15 * smooth(0.2, 0.0, own.y))
            .light()
    });
    let side = stand.polygon(&[(0.06, 0.0), (0.06, 0.52), (0.80, 0.52), (0.80, 0.0)]);
    canvas.fill(&side, |place| {
        let own = stand.own(place);
        shade
            .mix(palette.near, 0.14 + 0.22 * smooth(0.35, 0.53, own.y) + 0.1 * smooth(0.2, 0.0, own.y))
            .light()
    });
    let slope = stand.polygon(&[(0.02, 0.50), (-0.34, 1.00), (0.62, 1.00), (0.88, 0.50)]);
    canvas.fill(&slope, |place| {
        let own = stand.own(place);
        let tile = own.y * 16.0;
        let course = smooth(0.80, 1.0, tile - tile as i32 as f32) * 0.22;
        roof.mix(palette.glow, 0.16 * smooth(0.5, 1.0, own.y)).mix(palette.near, course).light()
    });
    let edge = stand.polygon(&[(-0.78, 0.46), (-0.32, 1.00), (-0.32, 0.93), (-0.74, 0.44)]);
    stand.flat(canvas, &edge, roof.mix(palette.glow, 0.35));
    let eave = stand.polygon(&[(0.12, 0.46), (-0.34, 1.00), (-0.33, 0.92), (0.06, 0.45)]);
    stand.flat(canvas, &eave, roof.mix(palette.near, 0.25));
    stand.flat(canvas, &stand.bar(-0.42, -0.20, 0.0, 0.40), dark);
    let glass = if palette.dark > 0.3 { lamp() } else { palette.near.mix(palette.sky[1], 0.45) };
    for (x, y) in [(-0.57, 0.30), (-0.32, 0.62), (0.27, 0.29), (0.58, 0.29)] {
        stand.flat(canvas, &stand.bar(x - 0.085, x + 0.085, y - 0.10, y + 0.10), dark);
        for (left, bottom) in [(-0.068, -0.083), (0.008, -0.083), (-0.068, 0.008), (0.008, 0.008)] {
            let (left, bottom) = (x + left, y + bottom);
            stand.flat(canvas, &stand.bar(left, left + 0.060, bottom, bottom + 0.075), glass);
        }
        if palette.dark > 0.3 {
            canvas.glow(stand.at(x, y), 0.55 * stand.tall, lamp().light() * (0.20 * palette.dark));
        }
    }
}

fn smoke(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let light = scene.palette.cloud_lit.mix(scene.palette.cloud_shade, 0.4).light();
    for puff in 0..14 {
        let t = puff as f32 / 13.0;
        let x = 0.43 + 0.55 * t * t + 0.05 * crate::math::sin(t * 1.4);
        let radius = 0.035 + 0.13 * t;
        let center = stand.at(x, 1.12 + 0.95 * t);
        let reach = radius * stand.tall;
        canvas.glaze(&stand.ellipse(x, 1.12 + 0.95 * t, radius, radius), |place| {
            let near = 1.0 - (place - center).length() / reach;
            (light, 0.34 * (1.0 - t) * smooth(0.0, 0.8, near))
        });
    }
}
