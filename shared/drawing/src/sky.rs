use crate::canvas::Canvas;
use crate::color::{Color, Light};
use crate::math::{mix, smooth};
use crate::noise::cloud;
use crate::palette::Palette;
use crate::path::{Path, Point, at};
use crate::random::Random;
use crate::scene::Scene;
use crate::words::Time;

/// Positions of the sky colors of the palette, from 0 (top) to 1 (horizon).
const STOPS: [f32; 4] = [0.0, 0.42, 0.78, 1.0];

pub(super) fn paint(canvas: &mut Canvas, scene: &Scene) {
    let palette = &scene.palette;
    let glow = palette.glow.light();
    let night = scene.plan.time == Time::Night;
    let shine = if night { 0.05 } else { 0.30 };
    canvas.repaint(0.0, canvas.height(), |point, _| {
        let sky = gradient(palette, point.y / scene.horizon).light();
        let away = point - scene.sun;
        // Wider than high, because light near the horizon spreads along it.
        let square = away.x * away.x * 0.55 + away.y * away.y * 1.6;
        let near = shine / (1.0 + square * 22.0);
        sky.mix(glow, near)
    });
    let mut random = scene.plan.random.part("stars");
    if palette.dark > 0.6 && scene.plan.time != Time::Storm {
        stars(canvas, scene, &mut random);
    }
    disc(canvas, scene);
    clouds(canvas, scene);
}

fn gradient(palette: &Palette, t: f32) -> Color {
    let t = t.clamp(0.0, 1.0);
    for (index, pair) in STOPS.windows(2).enumerate() {
        if t <= pair[1] {
            return palette.sky[index].mix(palette.sky[index + 1], smooth(pair[0] - 0.04, pair[1] + 0.04, t));
        }
    }
    palette.sky[3]
}

fn stars(canvas: &mut Canvas, scene: &Scene, random: &mut Random) {
    let full = if scene.starry { 1.0 } else { (scene.palette.dark - 0.5) * 1.1 };
    let pixel = 1.0 / canvas.scale;
    if scene.starry {
        galaxy(canvas, scene, random);
    }
    let count = (380.0 * full * canvas.width() * canvas.height()) as usize;
    for _ in 0..count {
        let place = at(random.unit() * canvas.width(), random.unit() * scene.horizon);
        let size = random.unit();
        let fade = 1.0 - smooth(0.25, 0.85, place.y / scene.horizon);
        let strength = fade * full * mix(0.15, 1.0, size * size * size);
        let warm = Color::new(0.97, 0.035, mix(60.0, 270.0, random.unit())).light();
        canvas.glow(place, (0.0011 + 0.0021 * size * size).max(pixel * 1.1), warm * strength);
        if size > 0.985 {
            canvas.glow(place, 0.014, warm * (0.35 * strength));
        }
    }
}

/// Paints the Milky Way: a band of faint light across the sky.
fn galaxy(canvas: &mut Canvas, scene: &Scene, random: &mut Random) {
    let seed = random.seed();
    let lean = random.between(0.5, 0.9);
    let cool = Color::new(0.55, 0.10, 285.0).light();
    let warm = Color::new(0.72, 0.08, 20.0).light();
    let middle = canvas.width() * 0.5;
    canvas.repaint(0.0, scene.horizon, |point, light| {
        let across = (point.y - scene.horizon * 0.42) + (point.x - middle) * lean;
        let dust = cloud(point.x * 3.2, point.y * 3.2, 5, seed);
        let band = 1.0 / (1.0 + (across + dust * 0.12) * (across + dust * 0.12) * 26.0);
        let veil = band * smooth(-0.5, 0.6, dust) * (1.0 - smooth(0.55, 1.0, point.y / scene.horizon));
        light + cool * (0.55 * veil) + warm * (0.35 * veil * veil)
    });
}

/// Paints the sun or the moon.
fn disc(canvas: &mut Canvas, scene: &Scene) {
    let light = scene.palette.glow.light();
    let (sun, radius) = (scene.sun, scene.sun_radius);
    match scene.plan.time {
        Time::Night => moon(canvas, scene, sun, radius),
        Time::Dusk => {
            canvas.glow(sun, 0.42, light * 0.30);
            moon(canvas, scene, scene.moon, 0.030);
        }
        Time::Storm => canvas.glow(sun, 0.5, light * 0.20),
        Time::Dawn | Time::Day | Time::Sunset | Time::Mist => {
            canvas.glow(sun, radius * 7.0, light * 0.28);
            canvas.glow(sun, radius * 2.6, light * 0.35);
            let bright = Color::new(0.985, scene.palette.glow.chroma() * 0.7, 88.0).light() * 1.25;
            canvas.glaze(&Path::ellipse(sun, radius, radius), |_| (bright, 0.96));
        }
    }
}

fn moon(canvas: &mut Canvas, scene: &Scene, center: Point, radius: f32) {
    let light = scene.palette.glow.light();
    canvas.glow(center, radius * 9.0, light * 0.10);
    canvas.glow(center, radius * 3.2, light * 0.22);
    let seed = scene.plan.random.part("moon").seed();
    let crescent = scene.plan.time == Time::Dusk;
    let shift = at(radius * 0.42, -radius * 0.22);
    let pixel = 1.0 / canvas.scale;
    canvas.glaze(&Path::ellipse(center, radius, radius), |point| {
        let away = point - center;
        let maria = smooth(0.05, 0.45, cloud(away.x / radius * 1.3, away.y / radius * 1.3, 4, seed));
        let limb = 1.0 - 0.25 * (away.length() / radius);
        let shaded =
            if crescent { smooth(-pixel, pixel, (away - shift).length() - radius * 0.93) } else { 1.0 };
        (light * (1.25 * limb * (1.0 - 0.28 * maria)), shaded)
    });
}

fn clouds(canvas: &mut Canvas, scene: &Scene) {
    let mut random = scene.plan.random.part("clouds");
    let seed = random.seed();
    let (stretch, size, cover, strength) = match scene.plan.time {
        Time::Day => (2.0, 2.3, random.between(0.02, 0.16), 0.92),
        Time::Storm => (1.7, 1.9, -0.42, 0.95),
        Time::Mist => (4.0, 1.4, 0.0, 0.45),
        Time::Night => (3.2, 1.8, random.between(0.06, 0.22), 0.55),
        Time::Dawn | Time::Sunset | Time::Dusk => (4.2, 1.5, random.between(-0.04, 0.12), 0.85),
    };
    let octaves = scene.octaves + 1;
    let lit = scene.palette.cloud_lit;
    let shade = scene.palette.cloud_shade;
    canvas.repaint(0.0, scene.horizon, |point, light| {
        let height = point.y / scene.horizon;
        // Perspective: clouds look smaller towards the horizon.
        let far = 1.0 / (1.25 - 0.8 * height);
        let place =
            at((point.x - scene.sun.x) * size * far + 40.0, height * size * stretch * (0.6 + 0.55 * far));
        let density = cloud(place.x, place.y, octaves, seed);
        let edge = smooth(cover, cover + 0.38, density - 0.20 * smooth(0.75, 1.0, height));
        if edge <= 0.0 {
            return light;
        }
        let towards = scene.sun - point;
        let step = 0.16 / (towards.length() + 0.12);
        let behind = cloud(place.x + towards.x * step, place.y + towards.y * step * stretch, 3, seed);
        let bright = smooth(-0.26, 0.34, density * 0.35 - behind + 0.10);
        let near = 1.0 / (1.0 + 3.0 * towards.length() * towards.length());
        let color = shade.mix(lit, bright * mix(0.55, 1.0, near));
        light.mix(color.light(), edge * strength * (1.0 - 0.35 * smooth(0.8, 1.0, height)))
    });
}

/// Adds the haze of the air around the horizon.
pub(super) fn haze(canvas: &mut Canvas, scene: &Scene, depth: f32, strength: f32) {
    let air: Light = scene.palette.sky[3].light();
    canvas.repaint(scene.horizon - depth, scene.horizon + depth, |point, light| {
        let t = 1.0 - (scene.horizon - point.y).abs() / depth;
        light.mix(air, strength * t * t)
    });
}
