use super::stand::Stand;
use crate::canvas::Canvas;
use crate::math::smooth;
use crate::noise::noise;
use crate::path::{Path, Point, at};
use crate::scene::Scene;

/// Paints a sailing boat and its reflection.
pub(super) fn paint(canvas: &mut Canvas, scene: &Scene) {
    let below = scene.height - scene.horizon;
    let shared = scene.plan.subjects.iter().any(|subject| subject.needs_ground());
    let tall = if shared { 0.22 } else { 0.46 } * scene.horizon.min(scene.width * 1.2);
    let x = if shared {
        scene.width * 0.5 + scene.light_side * scene.width * 0.18
    } else {
        scene.focus + scene.light_side * 0.05 * scene.width
    };
    let foot = at(x, scene.horizon + below * if shared { 0.16 } else { 0.26 });
    let stand = Stand { foot, tall, light_side: scene.light_side };
    mirrored(canvas, scene, &stand);
    upright(canvas, scene, &stand);
}

fn main_sail(stand: &Stand) -> Vec<Point> {
    stand.places(&[
        (0.045, 0.19),
        (0.045, 0.55),
        (0.05, 0.955),
        (0.13, 0.72),
        (0.25, 0.44),
        (0.36, 0.20),
        (0.20, 0.17),
    ])
}

fn jib(stand: &Stand) -> Vec<Point> {
    stand.places(&[(-0.40, 0.16), (-0.22, 0.46), (0.012, 0.88), (-0.02, 0.50), (-0.02, 0.20), (-0.20, 0.15)])
}

fn hull(stand: &Stand) -> Vec<Point> {
    stand.places(&[
        (-0.46, 0.135),
        (-0.36, 0.0),
        (-0.10, -0.03),
        (0.28, -0.02),
        (0.38, 0.03),
        (0.43, 0.115),
        (0.0, 0.10),
    ])
}

fn upright(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let palette = &scene.palette;
    let timber = palette.near.mix(palette.soil, 0.18);
    let sail = if scene.plan.accent.is_some() { palette.accent } else { palette.wall_lit };
    let (lit, shade) = (sail.mix(palette.glow, 0.30), sail.mix(palette.near, 0.42));
    stand.flat(canvas, &stand.stroke(&[(0.03, 0.08), (0.03, 1.0)], 0.016, 0.008), timber);
    stand.round(canvas, &Path::blob(&main_sail(stand)), 0.20, 0.20, lit, shade);
    stand.round(
        canvas,
        &Path::blob(&jib(stand)),
        -0.16,
        0.24,
        lit.mix(palette.glow, 0.12),
        shade.mix(lit, 0.4),
    );
    for y in [0.36, 0.54, 0.72] {
        let reach = 0.33 * (1.0 - (y - 0.19) / 0.80);
        let seam = shade.mix(lit, 0.35);
        stand.flat(canvas, &stand.stroke(&[(0.05, y), (0.05 + reach * 0.9, y - 0.012)], 0.005, 0.004), seam);
    }
    let paint = if scene.plan.accent.is_some() {
        palette.wall_shade.mix(palette.near, 0.4)
    } else {
        palette.accent.mix(palette.near, 0.25)
    };
    stand.round(
        canvas,
        &Path::polygon(&hull(stand)),
        0.0,
        0.45,
        paint.mix(palette.glow, 0.25),
        paint.mix(palette.near, 0.55),
    );
    stand.flat(
        canvas,
        &stand.stroke(&[(-0.46, 0.135), (0.0, 0.10), (0.43, 0.115)], 0.022, 0.018),
        palette.wall_lit.mix(palette.near, 0.25),
    );
    let wake = palette.wall_lit.light();
    let seed = scene.plan.random.part("wake").seed();
    canvas.glaze(&stand.ellipse(0.02, -0.022, 0.52, 0.022), |place| {
        (wake, 0.45 * smooth(-0.1, 0.5, noise(place.x * 70.0, place.y * 160.0, seed)))
    });
}

/// Paints the reflection of the boat, which the water does not include: it is painted before the boat.
fn mirrored(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let palette = &scene.palette;
    let sail = if scene.plan.accent.is_some() { palette.accent } else { palette.wall_lit };
    let seed = scene.plan.random.part("mirror").seed();
    let parts = [
        (Path::blob(&main_sail(stand)), sail.mix(palette.deep, 0.30)),
        (Path::blob(&jib(stand)), sail.mix(palette.deep, 0.22)),
        (Path::polygon(&hull(stand)), palette.near.mix(palette.deep, 0.30)),
    ];
    for (path, color) in parts {
        let light = color.light();
        let flipped = path.dense().map(|place| {
            let down = (stand.foot.y - place.y) * 0.86;
            let wave = noise(place.x * 3.0, down * 46.0, seed) * (0.004 + 0.05 * down);
            at(place.x + wave, stand.foot.y + down)
        });
        canvas.glaze(&flipped, |place| {
            let down = (place.y - stand.foot.y) / stand.tall;
            let gap = noise(place.x * 9.0, place.y * 90.0, seed ^ 1);
            (light, (0.72 - 0.62 * down).max(0.0) * smooth(-0.75 + down, -0.05 + down, gap))
        });
    }
}
