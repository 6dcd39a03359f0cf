use crate::canvas::Canvas;
use crate::color::Color;
use crate::math::{mix, smooth};
use crate::noise::{cloud, noise};
use crate::path::at;
use crate::scene::Scene;
use crate::words::{Place, Time};

/// Paints the reflection of everything above the horizon, with waves and glitter.
pub(super) fn paint(canvas: &mut Canvas, scene: &Scene) {
    let mut random = scene.plan.random.part("water");
    let (swell_seed, ripple_seed, glitter_seed) = (random.seed(), random.seed(), random.seed());
    let calm = match (scene.plan.place, scene.plan.time) {
        (Place::Sea, Time::Storm) => 1.9,
        (Place::Sea, _) => 1.0,
        _ => 0.35,
    };
    let deep = scene.palette.deep.light();
    let shine = Color::new(0.97, scene.palette.glow.chroma(), 80.0).light();
    let glow = scene.palette.glow.light();
    let below = scene.height - scene.horizon;
    let fold = (scene.horizon / below).min(1.0);
    // A copy, because the rows above the horizon must not change while they are reflected.
    let mirror = Canvas { pixels: canvas.pixels.clone(), ..*canvas };
    canvas.repaint(scene.horizon, scene.height, |point, _| {
        let depth = point.y - scene.horizon;
        let t = depth / below;
        // Waves appear denser towards the horizon.
        let rows = 3.4 / (t + 0.055);
        let column = point.x * 2.2 / (t * 1.3 + 0.16);
        let swell = cloud(column, rows * 2.6, 3, swell_seed);
        let ripple = cloud(column * 4.2, rows * 8.0, scene.octaves - 2, ripple_seed);
        let stir = (swell * 0.6 + ripple * 0.4) * (0.012 + 0.085 * t) * calm;
        let seen =
            mirror.sample(at(point.x + stir * 0.6, scene.horizon - 0.002 - (depth * fold + stir).abs()));
        // Water shows its own color where the view is steep, and reflects the sky where it is flat.
        let own = mix(0.10, 0.62, smooth(0.0, 1.0, t)) + 0.20 * (swell * 0.5 + ripple * 0.5) * calm;
        let light = (seen * 0.94).mix(deep, own.clamp(0.0, 0.92));
        let crest = smooth(0.10, 0.62, swell * 0.5 + ripple * 0.7) * 0.13 * calm;
        let light = light.mix(glow, crest * (1.0 - 0.5 * t));
        let spread = 0.035 + 0.26 * t;
        let away = (point.x - scene.sun.x) / spread;
        let path = 1.0 / (1.0 + away * away * 2.2);
        let sparkle = noise(column * 5.5, rows * 11.0, glitter_seed) * 0.7 + ripple * 0.5 + swell * 0.25;
        let glitter = smooth(0.30 - 0.30 * path, 0.75 - 0.30 * path, sparkle) * path * path;
        light
            + shine
                * (glitter * mix(0.85, 0.30, t) * (1.0 - 0.55 * f32::from(u8::from(scene.sun_is_faint()))))
    });
    // Softens the line between water and sky.
    let air = scene.palette.sky[3].light();
    canvas.repaint(scene.horizon - 0.003, scene.horizon + 0.006, |point, light| {
        light.mix(air, 0.15 * (1.0 - smooth(0.0, 0.006, (point.y - scene.horizon).abs())))
    });
}

impl Scene {
    fn sun_is_faint(&self) -> bool {
        match self.plan.time {
            Time::Storm | Time::Mist | Time::Day => true,
            Time::Dawn | Time::Sunset | Time::Dusk | Time::Night => false,
        }
    }
}
