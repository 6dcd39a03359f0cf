use crate::canvas::Canvas;
use crate::land::Ridge;
use crate::math::{cos, mix, sin, smooth};
use crate::path::{Path, at};
use crate::scene::Scene;

/// Paints a meadow: dots in the distance, whole flowers in the foreground.
pub(super) fn paint(canvas: &mut Canvas, scene: &Scene, ground: &Ridge) {
    let palette = &scene.palette;
    let mut random = scene.plan.random.part("flowers");
    let count = (if scene.detailed { 420.0 } else { 300.0 } * scene.width) as usize;
    for index in 0..count {
        let t = index as f32 / count as f32;
        let x = random.between(-0.05, scene.width + 0.05);
        let top = ground.at(x);
        let down = t * t * t;
        let y = mix(top + 0.012, scene.height + 0.05, down);
        let size = mix(0.0035, 0.034, down) * random.between(0.75, 1.2);
        let stalk = size * random.between(3.0, 4.6);
        let lean = stalk * random.between(-0.25, 0.25);
        let head = at(x + lean, y - stalk);
        let green = scene.land(0.9).mix(palette.near, 0.25 + 0.2 * down);
        let stem =
            Path::stroke(&[at(x, y), at(x + lean * 0.3, y - stalk * 0.5), head], size * 0.20, size * 0.12);
        let light = green.light();
        canvas.fill(&stem, |_| light);
        let petal =
            palette.accent.turned(random.between(-26.0, 26.0)).mix(palette.glow, random.between(0.0, 0.30));
        let (lit, shade) = (petal.mix(palette.glow, 0.22), petal.mix(palette.near, 0.35));
        let start = random.unit();
        let petals = 6;
        let squash = random.between(0.55, 0.9);
        for index in 0..petals {
            let turn = start + index as f32 / petals as f32;
            let middle = at(head.x + size * 0.55 * cos(turn), head.y + size * 0.55 * squash * sin(turn));
            canvas.fill(&Path::ellipse(middle, size * 0.48, size * 0.42 * squash), |place| {
                let towards = ((place.x - head.x) * scene.light_side - (place.y - head.y)) / size;
                shade.mix(lit, smooth(-0.9, 0.7, towards)).light()
            });
        }
        let heart = palette.glow.mix(palette.soil, 0.25).light();
        canvas.fill(&Path::ellipse(head, size * 0.26, size * 0.24 * squash), |_| heart);
    }
}
