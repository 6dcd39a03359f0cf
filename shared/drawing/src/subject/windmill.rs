use super::stand::Stand;
use crate::canvas::Canvas;
use crate::math::{cos, sin};
use crate::palette::lamp;
use crate::scene::Scene;

pub(super) fn paint(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let palette = &scene.palette;
    let (lit, shade) = (palette.wall_lit, palette.wall_shade.mix(palette.near, 0.25));
    let body = stand.polygon(&[(-0.165, 0.0), (-0.105, 0.56), (0.105, 0.56), (0.165, 0.0)]);
    stand.round(canvas, &body, 0.0, 0.15, lit, shade);
    let deck = stand.bar(-0.19, 0.19, 0.215, 0.235);
    let timber = palette.near.mix(palette.soil, 0.25);
    stand.flat(canvas, &deck, timber);
    let cap = stand.blob(&[
        (-0.125, 0.55),
        (-0.115, 0.62),
        (-0.05, 0.685),
        (0.05, 0.685),
        (0.115, 0.62),
        (0.125, 0.55),
    ]);
    stand.round(
        canvas,
        &cap,
        0.0,
        0.12,
        palette.accent.mix(palette.glow, 0.2),
        palette.accent.mix(palette.near, 0.6),
    );
    stand.flat(canvas, &stand.bar(-0.035, 0.035, 0.0, 0.12), timber);
    let glass = if palette.dark > 0.3 { lamp() } else { palette.near.mix(palette.sky[1], 0.4) };
    for (x, y) in [(-0.03, 0.34), (0.02, 0.46)] {
        stand.flat(canvas, &stand.bar(x - 0.02, x + 0.02, y - 0.03, y + 0.03), glass);
    }
    sails(canvas, scene, stand);
}

fn sails(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let palette = &scene.palette;
    let timber = palette.near.mix(palette.soil, 0.20);
    let cloth = palette.wall_lit.mix(palette.glow, 0.10);
    let (hub_x, hub_y) = (-0.02, 0.60);
    let turn = scene.plan.random.part("sails").between(0.03, 0.22);
    for sail in 0..4 {
        let angle = turn + sail as f32 * 0.25;
        let (along_x, along_y) = (cos(angle), sin(angle));
        let place = |out: f32, aside: f32| {
            (hub_x + along_x * out - along_y * aside, hub_y + along_y * out + along_x * aside)
        };
        let sheet =
            stand.polygon(&[place(0.10, 0.012), place(0.10, 0.085), place(0.44, 0.085), place(0.44, 0.012)]);
        let light = cloth.mix(palette.wall_shade, 0.25 * sail as f32 / 3.0).light();
        canvas.glaze(&sheet, |_| (light, 0.90));
        stand.flat(canvas, &stand.stroke(&[place(0.0, 0.0), place(0.46, 0.0)], 0.020, 0.012), timber);
        stand.flat(canvas, &stand.stroke(&[place(0.10, 0.085), place(0.44, 0.085)], 0.007, 0.007), timber);
        for rung in 0..8 {
            let out = 0.10 + 0.34 * rung as f32 / 7.0;
            stand.flat(canvas, &stand.stroke(&[place(out, 0.0), place(out, 0.085)], 0.006, 0.006), timber);
        }
    }
    stand.flat(canvas, &stand.ellipse(hub_x, hub_y, 0.024, 0.024), timber);
}
