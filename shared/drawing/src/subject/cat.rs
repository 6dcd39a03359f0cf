use super::stand::Stand;
use crate::canvas::Canvas;
use crate::color::Color;
use crate::math::smooth;
use crate::scene::Scene;

/// Paints a cat that sits and looks at the light, seen from behind: a silhouette with a lit rim.
pub(super) fn paint(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let palette = &scene.palette;
    let fur = match scene.plan.accent {
        Some(_) => palette.accent.mix(palette.near, 0.30),
        None => palette.near.mix(Color::new(0.30, 0.03, 50.0), 0.25),
    };
    let tail = stand.stroke(
        &[(0.20, 0.05), (0.42, 0.025), (0.58, 0.07), (0.64, 0.19), (0.58, 0.28), (0.53, 0.25)],
        0.075,
        0.045,
    );
    let body = stand.blob(&[
        (-0.20, 0.0),
        (-0.215, 0.10),
        (-0.165, 0.30),
        (-0.135, 0.50),
        (-0.10, 0.62),
        (0.03, 0.65),
        (0.12, 0.58),
        (0.21, 0.42),
        (0.28, 0.22),
        (0.27, 0.06),
        (0.18, 0.0),
    ]);
    let head = stand.blob(&[
        (-0.225, 0.72),
        (-0.20, 0.81),
        (-0.11, 0.875),
        (0.0, 0.875),
        (0.085, 0.81),
        (0.105, 0.72),
        (0.06, 0.63),
        (-0.06, 0.595),
        (-0.17, 0.63),
    ]);
    let ears = stand
        .polygon(&[(-0.205, 0.78), (-0.190, 1.0), (-0.085, 0.875), (-0.12, 0.80)])
        .with(stand.polygon(&[(0.095, 0.77), (0.085, 0.995), (-0.025, 0.872), (0.0, 0.80)]));
    let paws = stand.blob(&[(-0.24, 0.0), (-0.25, 0.045), (-0.17, 0.075), (-0.07, 0.05), (-0.06, 0.0)]);
    let cat = body.with(head).with(ears).with(tail).with(paws);
    // Painted twice with a small offset: the visible part of the first is the lit rim.
    let rim = fur.mix(palette.glow, 0.75);
    stand.flat(canvas, &cat, rim);
    let inner = cat.map(|place| {
        let own = stand.own(place);
        stand.at(own.x + 0.014, own.y - 0.010)
    });
    let dark = fur.mix(palette.near, 0.25);
    canvas.glaze(&inner, |place| {
        let own = stand.own(place);
        let lit = smooth(0.25, -0.30, own.x - 0.15 * own.y);
        (dark.mix(fur.mix(palette.glow, 0.14), lit).light(), 1.0)
    });
}
