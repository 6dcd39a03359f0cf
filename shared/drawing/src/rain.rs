use crate::canvas::Canvas;
use crate::path::{Path, at};
use crate::scene::Scene;

/// Paints inclined streaks; near ones are longer.
pub(super) fn paint(canvas: &mut Canvas, scene: &Scene) {
    let mut random = scene.plan.random.part("rain");
    let light = scene.palette.cloud_lit.light();
    let slant = random.between(0.16, 0.34) * -scene.light_side;
    let count = (if scene.detailed { 520.0 } else { 360.0 } * scene.width * scene.height) as usize;
    for _ in 0..count {
        let near = random.unit();
        let long = 0.03 + 0.09 * near * near;
        let from = at(random.between(-0.2, scene.width + 0.2), random.between(-0.1, scene.height));
        let to = at(from.x + long * slant, from.y + long);
        let wide = 0.0008 + 0.0016 * near;
        canvas.glaze(&Path::stroke(&[from, to], wide * 0.4, wide), |_| (light, 0.10 + 0.22 * near));
    }
}
