use crate::canvas::Canvas;
use crate::math::{floor, smooth};
use crate::noise::fraction;
use crate::palette::lamp;
use crate::path::{Path, at};
use crate::scene::Scene;

/// Paints a bridge of stone arches across the whole width.
pub(super) fn paint(canvas: &mut Canvas, scene: &Scene) {
    let palette = &scene.palette;
    let (width, horizon) = (scene.width, scene.horizon);
    let rise = 0.20;
    let deck = |x: f32| horizon - rise - 0.05 * (1.0 - (2.0 * x / width - 1.0) * (2.0 * x / width - 1.0));
    let spans = (width / 0.26) as usize;
    let span = width / spans as f32;
    let (lit, shade) = (palette.wall_lit.mix(palette.near, 0.30), palette.wall_shade.mix(palette.near, 0.40));
    let mut outline: Vec<_> =
        (0..=48).map(|step| step as f32 / 48.0 * (width + 0.2) - 0.1).map(|x| at(x, deck(x))).collect();
    for index in (0..spans).rev() {
        let (left, right) = (span * index as f32, span * (index + 1) as f32);
        let pier = span * 0.09;
        outline.push(at(right + pier, horizon + 0.01));
        for step in 0..=24 {
            let t = 1.0 - step as f32 / 24.0;
            let x = left + pier + (right - left - pier * 2.0) * t;
            let arch = (1.0 - (2.0 * t - 1.0) * (2.0 * t - 1.0)).sqrt();
            outline.push(at(x, horizon + 0.01 - (rise - 0.025) * arch));
        }
    }
    outline.push(at(-0.1, horizon + 0.01));
    let seed = scene.plan.random.part("bridge").seed();
    canvas.fill(&Path::polygon(&outline), |place| {
        let course = place.y * 62.0;
        let row = floor(course);
        let along = place.x * 30.0 + 0.5 * (row % 2) as f32;
        let block = fraction(floor(along), row, seed);
        let joint =
            smooth(0.86, 1.0, course - row as f32).max(smooth(0.93, 1.0, along - floor(along) as f32));
        let lane = (place.x / span - floor(place.x / span) as f32 - 0.5).abs() * 2.0;
        let turn = smooth(deck(place.x), horizon, place.y) * 0.75 + 0.20 * lane;
        lit.mix(shade, turn).mix(palette.near, 0.16 * joint).lit(0.95 + 0.10 * block).light()
    });
    let rail = lit.mix(palette.glow, 0.30).light();
    let top: Vec<_> =
        (0..=24).map(|step| width * step as f32 / 24.0).map(|x| at(x, deck(x) - 0.004)).collect();
    canvas.fill(&Path::stroke(&top, 0.012, 0.012), |_| rail);
    if palette.dark > 0.3 {
        for index in 0..=spans {
            let x = span * index as f32;
            canvas.glow(at(x, deck(x) - 0.035), 0.045, lamp().light() * 0.40);
            canvas.glow(at(x, deck(x) - 0.035), 0.009, lamp().light() * 1.0);
        }
    }
}
