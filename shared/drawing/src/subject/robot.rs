use super::stand::Stand;
use crate::canvas::Canvas;
use crate::color::Color;
use crate::palette::lamp;
use crate::scene::Scene;

/// Paints a friendly robot with glowing eyes.
pub(super) fn paint(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let palette = &scene.palette;
    let paint = palette.accent.mix(palette.wall_lit, if scene.plan.accent.is_some() { 0.1 } else { 0.62 });
    let (lit, shade) = (paint.mix(palette.glow, 0.20), paint.mix(palette.near, 0.60));
    let joint = palette.near.mix(shade, 0.25);
    for side in [-1.0_f32, 1.0] {
        let hip = side * 0.095;
        stand.flat(canvas, &stand.bar(hip - 0.028, hip + 0.028, 0.05, 0.26), joint);
        let foot = stand.blob(&[
            (hip - 0.085, 0.0),
            (hip - 0.075, 0.055),
            (hip, 0.085),
            (hip + 0.07, 0.055),
            (hip + 0.08, 0.0),
        ]);
        stand.round(canvas, &foot, hip, 0.08, lit, shade);
        let arm =
            stand.stroke(&[(side * 0.19, 0.50), (side * 0.285, 0.40), (side * 0.30, 0.26)], 0.055, 0.048);
        stand.flat(canvas, &arm, joint);
        stand.round(canvas, &stand.ellipse(side * 0.30, 0.245, 0.045, 0.05), side * 0.30, 0.045, lit, shade);
    }
    let trunk = stand.blob(&[
        (-0.19, 0.26),
        (-0.22, 0.42),
        (-0.18, 0.57),
        (0.0, 0.60),
        (0.18, 0.57),
        (0.22, 0.42),
        (0.19, 0.26),
        (0.0, 0.225),
    ]);
    stand.round(canvas, &trunk, 0.0, 0.22, lit, shade);
    stand.flat(canvas, &stand.bar(-0.05, 0.05, 0.58, 0.645), joint);
    let head = stand.blob(&[
        (-0.24, 0.66),
        (-0.255, 0.78),
        (-0.21, 0.90),
        (0.0, 0.925),
        (0.21, 0.90),
        (0.255, 0.78),
        (0.24, 0.66),
        (0.0, 0.625),
    ]);
    stand.round(canvas, &head, 0.0, 0.25, lit, shade);
    let visor = stand.blob(&[
        (-0.19, 0.71),
        (-0.195, 0.78),
        (-0.16, 0.84),
        (0.0, 0.855),
        (0.16, 0.84),
        (0.195, 0.78),
        (0.19, 0.71),
        (0.0, 0.69),
    ]);
    stand.flat(canvas, &visor, palette.near.mix(Color::gray(0.12), 0.5));
    let eye = Color::new(0.88, 0.13, 190.0);
    for x in [-0.085, 0.085] {
        stand.flat(canvas, &stand.ellipse(x, 0.775, 0.034, 0.042), eye);
        canvas.glow(stand.at(x, 0.775), 0.13 * stand.tall, eye.light() * 0.40);
    }
    stand.flat(canvas, &stand.bar(-0.007, 0.007, 0.92, 0.975), joint);
    stand.flat(canvas, &stand.ellipse(0.0, 0.985, 0.022, 0.022), lamp());
    canvas.glow(stand.at(0.0, 0.985), 0.12 * stand.tall, lamp().light() * 0.5);
    for (x, y) in [(-0.07, 0.47), (0.0, 0.47), (0.07, 0.47)] {
        stand.flat(canvas, &stand.ellipse(x, y, 0.018, 0.018), lamp().mix(eye, (x + 0.07) * 7.0));
    }
}
