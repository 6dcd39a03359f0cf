use super::stand::Stand;
use crate::canvas::Canvas;
use crate::math::{cos, mix, sin};
use crate::path::{Path, Point, at};
use crate::scene::Scene;

/// Paints a diamond kite on its string, with bows on the tail.
pub(super) fn paint(canvas: &mut Canvas, scene: &Scene) {
    let palette = &scene.palette;
    let mut random = scene.plan.random.part("kite");
    let reach = scene.horizon.min(scene.width);
    let tall = reach * 0.34;
    let center =
        at(scene.focus + scene.light_side * scene.width * 0.06, scene.horizon * random.between(0.34, 0.42));
    let lean = random.between(0.05, 0.09) * -scene.light_side;
    let turned = |x: f32, y: f32| -> Point {
        let (x, y) = (x * tall, -y * tall);
        at(center.x + x * cos(lean) - y * sin(lean), center.y + x * sin(lean) + y * cos(lean))
    };
    let hand = at(scene.focus - scene.light_side * scene.width * 0.28, scene.height * 0.94);
    let knot = turned(0.0, 0.05);
    let sag = knot.mix(hand, 0.55) + at(scene.light_side * 0.03, 0.10 * reach);
    let thread = (1.2 / canvas.scale).max(0.0016);
    let dark = palette.near.mix(palette.wall_lit, 0.35).light();
    canvas.glaze(&Path::stroke(&[knot, sag, hand], thread, thread), |_| (dark, 0.75));

    let tail: Vec<Point> = (0..9)
        .map(|index| {
            let t = index as f32 / 8.0;
            turned(0.12 * sin(t * 1.5) + 0.55 * t * t * -scene.light_side, -0.52 - 0.82 * t)
        })
        .collect();
    let accent = palette.accent;
    let ribbon = accent.mix(palette.near, 0.25).light();
    canvas.fill(&Path::stroke(&tail, thread * 1.6, thread), |_| ribbon);
    for (index, pair) in tail.windows(2).enumerate().skip(1) {
        let bow = Stand { foot: pair[1], tall: tall * mix(0.16, 0.10, index as f32 / 8.0), light_side: 1.0 };
        let turn = (index % 2) as f32 * 0.2;
        let color = if index % 2 == 0 { accent } else { palette.wall_lit };
        let wings = bow.polygon(&[
            (0.0, 0.0),
            (-0.5, 0.32 - turn),
            (-0.5, -0.22 - turn),
            (0.0, 0.0),
            (0.5, 0.22 + turn),
            (0.5, -0.32 + turn),
        ]);
        // Two outlines, because each wing has its own winding direction.
        let left = Path::polygon(&wings.outlines[0][0..3]);
        let right = Path::polygon(&wings.outlines[0][3..6]);
        bow.flat(canvas, &left.with(right), color.mix(palette.near, 0.10));
    }

    let (top, bottom, left, right) =
        (turned(0.0, 0.42), turned(0.0, -0.55), turned(-0.37, 0.10), turned(0.37, 0.10));
    let middle = turned(0.0, 0.10);
    let sunny = if scene.light_side < 0.0 { (left, right) } else { (right, left) };
    let quarters = [
        (top, sunny.0, accent.mix(palette.glow, 0.20)),
        (top, sunny.1, accent.mix(palette.near, 0.14)),
        (bottom, sunny.0, accent.turned(28.0).mix(palette.glow, 0.32)),
        (bottom, sunny.1, accent.mix(palette.near, 0.34)),
    ];
    for (end, side, color) in quarters {
        let light = color.light();
        canvas.fill(&Path::polygon(&[middle, end, side]), |_| light);
    }
    let spar = palette.near.mix(accent, 0.3).light();
    for (from, to) in [(top, bottom), (left, right)] {
        canvas.fill(&Path::stroke(&[from, to], thread * 1.7, thread * 1.7), |_| spar);
    }
}
