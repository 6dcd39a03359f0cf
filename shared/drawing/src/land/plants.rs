use super::ridge::Ridge;
use crate::canvas::Canvas;
use crate::math::{mix, smooth};
use crate::noise::{cloud, noise};
use crate::path::{Path, Point, at};
use crate::random::Random;
use crate::scene::Scene;
use crate::words::Place;

/// The outline of a conifer with irregular tiers of branches.
pub(crate) fn pine(foot: Point, tall: f32, random: &mut Random) -> Path {
    // A near tree shows more branches.
    let tiers = if tall > 0.25 { 15 } else { 6 };
    let wide = tall * random.between(0.17, 0.23);
    let lean = tall * random.between(-0.02, 0.02);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for tier in 0..tiers {
        let t = tier as f32 / tiers as f32;
        let outer = foot.y - tall * mix(0.10, 0.86, t);
        let inner = foot.y - tall * mix(0.10, 0.86, t + 0.72 / tiers as f32);
        let half = wide * (1.0 - t * 0.92);
        let middle = foot.x + lean * t;
        let droop = tall * 0.08 / tiers as f32;
        let notch = if tiers > 6 { 0.66 } else { 0.46 };
        left.push(at(middle - half * random.between(0.82, 1.12), outer + droop));
        left.push(at(middle - half * notch, inner));
        right.push(at(middle + half * random.between(0.82, 1.12), outer + droop));
        right.push(at(middle + half * notch, inner));
    }
    left.push(at(foot.x + lean, foot.y - tall));
    left.extend(right.into_iter().rev());
    let trunk = [
        at(foot.x - wide * 0.09, foot.y + tall * 0.05),
        at(foot.x - wide * 0.07, foot.y - tall * 0.2),
        at(foot.x + wide * 0.07, foot.y - tall * 0.2),
        at(foot.x + wide * 0.09, foot.y + tall * 0.05),
    ];
    Path::polygon(&left).with(Path::polygon(&trunk))
}

/// Paints conifers along a ridge, with varying density.
pub(super) fn treeline(
    canvas: &mut Canvas,
    scene: &Scene,
    ridge: &Ridge,
    depth: f32,
    tall: f32,
    random: &mut Random,
) {
    let palette = &scene.palette;
    let snowy = scene.plan.place == Place::Snow;
    let soil = if snowy { palette.far.mix(palette.near, 0.25 + depth) } else { scene.land(depth) };
    let dark = soil.mix(palette.near, 0.20 + 0.25 * depth);
    let lit = dark.mix(palette.glow, 0.18);
    let air = palette.far.mix(palette.sky[3], 0.55);
    let seed = random.seed();
    let mut x = -tall;
    while x < scene.width + tall {
        let wood = noise(x * 2.3, 4.5, seed);
        let thick = scene.plan.place == Place::Forest;
        let gap = if thick { random.between(0.07, 0.17) } else { random.between(0.10, 0.26) };
        x += tall * gap * if wood < -0.15 && !thick { 2.4 } else { 1.0 };
        let height = tall * random.between(0.55, 1.0) * mix(0.75, 1.15, smooth(-0.4, 0.5, wood));
        let foot = at(x, ridge.at(x) + height * 0.12);
        let tree = pine(foot, height, random);
        let side = scene.light_side;
        canvas.fill(&tree, |point| {
            let across = ((point.x - foot.x) * side / (height * 0.16)).clamp(-1.0, 1.0);
            let up = (foot.y - point.y) / height;
            let mist = 0.50 * (1.0 - depth) * (1.0 - smooth(0.0, 0.8, up));
            dark.mix(lit, smooth(-0.2, 1.0, across * 0.6 + up * 0.5)).mix(air, mist).light()
        });
    }
}

/// Paints small groups of round trees on a hill.
pub(super) fn round_trees(
    canvas: &mut Canvas,
    scene: &Scene,
    ridge: &Ridge,
    depth: f32,
    random: &mut Random,
) {
    let palette = &scene.palette;
    let dark = scene.land(depth).mix(palette.near, 0.35);
    let lit = scene.land(depth).mix(palette.glow, 0.16);
    for _ in 0..(3.0 + 5.0 * scene.width * random.unit()) as usize {
        let middle = random.unit() * scene.width;
        for _ in 0..1 + random.below(5) {
            let x = middle + random.between(-0.05, 0.05);
            let radius = random.between(0.007, 0.017) * (0.5 + depth);
            let center = at(x, ridge.at(x) - radius * 0.75);
            let crown =
                Path::ellipse(center, radius * random.between(0.8, 1.0), radius * random.between(0.95, 1.25));
            canvas.fill(&crown, |point| {
                let towards = ((point.x - center.x) * scene.light_side - (point.y - center.y)) / radius;
                dark.mix(lit, smooth(-0.6, 1.2, towards)).light()
            });
        }
    }
}

/// Paints grass along the lower edge of the image.
pub(super) fn grass(canvas: &mut Canvas, scene: &Scene, tall: f32, thick: f32, random: &mut Random) {
    let palette = &scene.palette;
    let seed = random.seed();
    let count = (if scene.detailed { 620.0 } else { 420.0 } * scene.width * thick) as usize;
    for index in 0..count {
        let t = index as f32 / count as f32;
        let x = random.between(-0.02, scene.width + 0.02);
        let clump = 0.55 + 0.6 * noise(x * 3.0, 2.5, seed);
        let height = tall * clump.max(0.15) * random.between(0.45, 1.1);
        let foot = at(x, scene.height + 0.02);
        let lean = random.between(-0.35, 0.35) * height + 0.15 * height * scene.light_side;
        let tip = at(x + lean, foot.y - 0.015 - height);
        let bend = at(x + lean * 0.25, foot.y - height * 0.55);
        let color =
            scene.land(1.0).mix(palette.near, 0.45 + 0.35 * t).mix(palette.glow, random.between(0.0, 0.14));
        let light = color.light();
        canvas.fill(&Path::stroke(&[foot, bend, tip], 0.0042, 0.0006), |_| light);
    }
}

/// Paints dark trees at the left and right edges, which lead the eye to the center.
pub(super) fn framing_pines(canvas: &mut Canvas, scene: &Scene, random: &mut Random) {
    let palette = &scene.palette;
    let snowy = scene.plan.place == Place::Snow;
    for side in [-1.0_f32, 1.0] {
        let near = side == scene.light_side;
        let count = if near { 3 } else { 4 };
        for index in 0..count {
            let edge = if side < 0.0 { 0.0 } else { scene.width };
            let step = (count - 1 - index) as f32;
            let inward = (step * 0.075 + random.between(-0.02, 0.03)) * scene.width.min(1.4) * 0.9;
            let tall = (0.58 - step * 0.10) * random.between(0.8, 1.05) * if near { 0.72 } else { 1.0 };
            let foot = at(edge - side * inward, scene.height + 0.05 - step * 0.012);
            let tree = pine(foot, tall, random);
            let dark = palette.near.mix(scene.land(0.9), if snowy { 0.12 } else { 0.30 });
            let lit = dark.mix(palette.glow, 0.16);
            let seed = random.seed();
            canvas.fill(&tree, |point| {
                let up = (foot.y - point.y) / tall;
                let across = (point.x - foot.x) * scene.light_side / (tall * 0.2);
                let needles = cloud(point.x * 38.0, point.y * 60.0, 2, seed);
                let color = dark.mix(lit, smooth(-0.3, 1.3, across * 0.7 + up * 0.5 + needles * 0.6));
                let snow = if snowy { smooth(0.05, 0.45, needles + 0.2 * across) * 0.75 } else { 0.0 };
                color.mix(palette.soil, snow).light()
            });
        }
    }
}

/// Paints tufts along the edge of a headland, so that the edge is not a straight line.
pub(super) fn tufts(canvas: &mut Canvas, scene: &Scene, ridge: &Ridge, random: &mut Random) {
    let palette = &scene.palette;
    let count = (if scene.detailed { 420.0 } else { 300.0 } * scene.width) as usize;
    for _ in 0..count {
        let x = random.unit() * scene.width;
        let foot = at(x, ridge.at(x) + 0.004);
        let height = random.between(0.004, 0.016);
        let lean = random.between(-0.5, 0.5) * height;
        let color = scene
            .land(0.95)
            .mix(palette.near, random.between(0.05, 0.5))
            .mix(palette.glow, random.between(0.0, 0.16));
        if foot.y < scene.height {
            let tip = at(x + lean, foot.y - height);
            let light = color.light();
            canvas.fill(&Path::stroke(&[foot, tip], 0.0028, 0.0006), |_| light);
        }
    }
}
