use super::house;
use super::stand::Stand;
use crate::canvas::Canvas;
use crate::color::Color;
use crate::math::{mix, smooth};
use crate::noise::cloud;
use crate::palette::lamp;
use crate::path::{Path, at};
use crate::scene::Scene;

const LANTERN: f32 = 0.815;

/// Half the width of the tower at the height `y`. It tapers, most of all near the ground.
fn half(y: f32) -> f32 {
    0.062 + 0.050 * (1.0 - y / 0.73) + 0.016 * (1.0 - smooth(0.0, 0.20, y))
}

pub(super) fn paint(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let beam = mix(0.10, 1.0, scene.palette.dark);
    beams(canvas, scene, stand, beam);
    // Painted before the tower, so that the halo does not wash out its ironwork.
    canvas.glow(stand.at(0.0, LANTERN), 0.55 * stand.tall, lamp().light() * (0.22 * beam));
    canvas.glow(stand.at(0.0, LANTERN), 0.22 * stand.tall, lamp().light() * (0.55 * beam));
    keeper(canvas, scene, stand);
    tower(canvas, scene, stand);
    gallery(canvas, scene, stand);
    lantern(canvas, scene, stand, beam);
}

/// Paints the beam over the sea, and a fainter one in the opposite direction.
fn beams(canvas: &mut Canvas, scene: &Scene, stand: &Stand, strength: f32) {
    let light = lamp().mix(Color::gray(1.0), 0.25).light() * 1.15;
    let source = stand.at(0.0, LANTERN);
    for (side, power, rise) in [(1.0, 0.58, 0.030), (-1.0, 0.32, -0.018)] {
        let far = scene.width * 1.25;
        let direction = at(scene.light_side * side * far, -rise * far);
        let spread = 0.088;
        let across = at(-direction.y, direction.x) * spread;
        let cone = Path::polygon(&[source, source + direction + across, source + direction - across]);
        canvas.shine(&cone, |place| {
            let away = place - source;
            let along = (away.x * direction.x + away.y * direction.y) / (far * far);
            let aside =
                (away.x * -direction.y + away.y * direction.x) / (far * far) / (along * spread).max(1e-5);
            let soft = (1.0 - aside * aside).max(0.0);
            let reach = 1.0 / (1.0 + along * 3.6) * (1.0 - smooth(0.35, 0.95, along));
            light * (power * strength * soft * soft * reach)
        });
    }
}

/// Paints the keeper's cottage beside the tower.
fn keeper(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let place = stand.at(0.245, -0.008);
    house::paint(
        canvas,
        scene,
        &Stand { foot: place, tall: stand.tall * 0.205, light_side: stand.light_side },
    );
}

fn tower(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let palette = &scene.palette;
    let heights = (0..=24).map(|step| 0.73 * step as f32 / 24.0);
    let mut outline: Vec<(f32, f32)> = heights.clone().map(|y| (-half(y), y)).collect();
    outline.extend(heights.rev().map(|y| (half(y), y)));
    let (band_lit, band_shade) =
        (palette.accent.mix(palette.glow, 0.22), palette.accent.mix(palette.near, 0.62));
    let seed = scene.plan.random.part("plaster").seed();
    let pixel = 1.0 / (canvas.scale * stand.tall);
    canvas.fill(&stand.polygon(&outline), |place| {
        let own = stand.own(place);
        let across = own.x / half(own.y);
        // The bands curve a little, since the tower is round and seen from below.
        let bands = (own.y + 0.010 * (1.0 - across * across) + 0.02) / 0.75 * 5.0;
        let within = bands - bands as i32 as f32;
        let soft = pixel * 4.0;
        let colored = if (bands as i32) % 2 == 0 {
            1.0 - smooth(1.0 - soft, 1.0, within)
        } else {
            smooth(1.0 - soft, 1.0, within)
        };
        let turn = smooth(-0.80, 0.72, across);
        let plaster = cloud(own.x * 60.0, own.y * 26.0, 3, seed) * 0.022;
        let white = palette.wall_lit.mix(palette.wall_shade, turn);
        let band = band_lit.mix(band_shade, turn);
        let rim = smooth(-0.80, -0.99, across) * 0.35 + smooth(0.86, 1.0, across) * 0.12;
        white
            .mix(band, colored)
            .mix(palette.glow, rim)
            .lit(1.0 + plaster - 0.10 * smooth(0.12, 0.0, own.y))
            .light()
    });
    let dark = palette.near.mix(palette.wall_shade, 0.15);
    let glass = if palette.dark > 0.3 { lamp() } else { palette.near.mix(palette.sky[1], 0.4) };
    for (x, y) in [(-0.012, 0.22), (0.010, 0.385), (-0.006, 0.555)] {
        stand.flat(canvas, &stand.bar(x - 0.013, x + 0.013, y - 0.024, y + 0.022), dark);
        stand.flat(canvas, &stand.bar(x - 0.009, x + 0.009, y - 0.020, y + 0.018), glass);
        if palette.dark > 0.3 {
            canvas.glow(stand.at(x, y), 0.055 * stand.tall, lamp().light() * 0.30);
        }
    }
    stand.flat(
        canvas,
        &stand.bar(-0.030, 0.022, 0.0, 0.075).with(stand.ellipse(-0.004, 0.075, 0.026, 0.026)),
        dark,
    );
}

/// Paints the balcony around the lantern.
fn gallery(canvas: &mut Canvas, scene: &Scene, stand: &Stand) {
    let palette = &scene.palette;
    let (lit, shade) = (palette.near.mix(palette.glow, 0.30), palette.near.mix(palette.wall_shade, 0.10));
    let cornice = stand.polygon(&[(-0.066, 0.695), (-0.100, 0.728), (0.100, 0.728), (0.066, 0.695)]);
    stand.round(
        canvas,
        &cornice,
        0.0,
        0.10,
        palette.wall_lit.mix(palette.near, 0.15),
        palette.wall_shade.mix(palette.near, 0.4),
    );
    stand.round(canvas, &stand.bar(-0.112, 0.112, 0.728, 0.742), 0.0, 0.11, lit, shade);
    let post = 0.0042_f32.max(1.1 / (canvas.scale * stand.tall));
    for index in 0..=8 {
        let x = mix(-0.106, 0.106, index as f32 / 8.0);
        stand.flat(canvas, &stand.bar(x - post * 0.5, x + post * 0.5, 0.742, 0.786), shade);
    }
    for y in [0.764, 0.786] {
        stand.flat(canvas, &stand.bar(-0.109, 0.109, y, y + post), shade);
    }
}

fn lantern(canvas: &mut Canvas, scene: &Scene, stand: &Stand, beam: f32) {
    let palette = &scene.palette;
    let source = stand.at(0.0, LANTERN);
    let warm = lamp().light();
    let pane = palette.sky[2].mix(lamp(), 0.25 + 0.75 * palette.dark).light();
    let core = Color::new(0.99, 0.045, 90.0).light();
    canvas.fill(&stand.bar(-0.056, 0.056, 0.748, 0.872), |place| {
        let away = (place - source).length() / (0.075 * stand.tall);
        pane.mix(core * 1.5, beam * (1.0 - smooth(0.0, 1.0, away)))
    });
    let dark = palette.near.mix(palette.wall_shade, 0.08);
    let bar = 0.0045_f32.max(1.0 / (canvas.scale * stand.tall));
    for x in [-0.056, -0.034, 0.034, 0.056] {
        stand.flat(canvas, &stand.bar(x - bar * 0.5, x + bar * 0.5, 0.748, 0.872), dark);
    }
    stand.flat(canvas, &stand.bar(-0.060, 0.060, 0.742, 0.758), dark);
    let (roof_lit, roof_shade) =
        (palette.accent.mix(palette.glow, 0.25), palette.accent.mix(palette.near, 0.72));
    let dome = stand.polygon(&[
        (-0.076, 0.868),
        (-0.070, 0.880),
        (-0.056, 0.907),
        (-0.034, 0.932),
        (-0.010, 0.947),
        (0.010, 0.947),
        (0.034, 0.932),
        (0.056, 0.907),
        (0.070, 0.880),
        (0.076, 0.868),
    ]);
    stand.round(canvas, &dome, 0.0, 0.076, roof_lit, roof_shade);
    stand.flat(
        canvas,
        &stand.ellipse(0.0, 0.953, 0.012, 0.012).with(stand.bar(-0.003, 0.003, 0.95, 1.0)),
        dark,
    );
    canvas.glow(source, 0.30 * stand.tall, warm * (0.12 * beam));
    canvas.glow(source, 0.080 * stand.tall, core * (0.7 * beam));
}
