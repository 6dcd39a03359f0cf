use crate::canvas::Canvas;
use crate::color::Color;
use crate::math::{mix, smooth};
use crate::noise::{cloud, noise, skyline};
use crate::path::at;
use crate::scene::Scene;
use crate::words::Place;

#[derive(Clone, Copy)]
enum Form {
    Flat,
    Rolling,
    Jagged,
    Dune,
    /// Rises towards one side, under the main subject.
    Headland {
        focus: f32,
        side: f32,
        top: f32,
    },
}

/// A line of land against its background.
pub(crate) struct Ridge {
    form: Form,
    base: f32,
    tall: f32,
    frequency: f32,
    seed: u32,
}

impl Ridge {
    pub(super) fn flat(base: f32) -> Self {
        Self { form: Form::Flat, base, tall: 0.0, frequency: 1.0, seed: 0 }
    }

    pub(super) fn rolling(base: f32, tall: f32, frequency: f32, seed: u32) -> Self {
        Self { form: Form::Rolling, base, tall, frequency, seed }
    }

    pub(super) fn jagged(base: f32, tall: f32, frequency: f32, seed: u32) -> Self {
        Self { form: Form::Jagged, base, tall, frequency, seed }
    }

    pub(super) fn dune(base: f32, tall: f32, frequency: f32, seed: u32) -> Self {
        Self { form: Form::Dune, base, tall, frequency, seed }
    }

    pub(super) fn headland(base: f32, top: f32, focus: f32, side: f32, seed: u32) -> Self {
        Self { form: Form::Headland { focus, side, top }, base, tall: 0.0, frequency: 1.0, seed }
    }

    /// y of the line at `x`.
    pub(crate) fn at(&self, x: f32) -> f32 {
        let place = x * self.frequency + (self.seed % 1024) as f32;
        match self.form {
            Form::Flat => self.base,
            Form::Rolling => self.base - self.tall * (0.5 + skyline(place, 3, self.seed)),
            Form::Jagged => {
                // The absolute value of noise makes crests.
                let crest = 1.0 - skyline(place, 2, self.seed).abs() * 1.7;
                let rough = skyline(place * 4.0, 5, self.seed ^ 77);
                self.base - self.tall * (crest * 0.85 - 0.25 + rough * 0.22)
            }
            Form::Dune => {
                let wave = skyline(place + 0.12 * noise(place * 1.7, 9.5, self.seed), 1, self.seed);
                let sharp = 1.0 - (wave * 1.25).abs().min(1.0);
                self.base - self.tall * (sharp * sharp * 0.35 + sharp * 0.65)
            }
            Form::Headland { focus, side, top } => {
                let past = (x - focus) * side;
                let fall = self.base - top;
                let shelf = smooth(-0.46, -0.06, past);
                let rise = shelf * (0.86 + 0.14 * smooth(-0.1, 0.9, past));
                // Flat under the subject, rough on the way down.
                let rough =
                    skyline(x * 7.0, 4, self.seed) * 0.055 * (1.0 - smooth(-0.30, -0.08, past) * 0.88);
                let tail = smooth(-0.95, -0.40, past) * 0.10;
                self.base + 0.03 - (fall + 0.03) * (rise * 0.88 + tail) - rough * smooth(-1.0, -0.5, past)
            }
        }
    }

    fn slope(&self, x: f32) -> f32 {
        (self.at(x + 0.006) - self.at(x - 0.006)) / 0.012
    }

    /// Paints distant land at a depth from 0 (the horizon) to 1 (the foreground).
    pub(super) fn paint(&self, canvas: &mut Canvas, scene: &Scene, depth: f32, bottom: f32) {
        let palette = &scene.palette;
        let color = scene.land(depth);
        let lit = color.mix(palette.glow, 0.20 * (1.0 - 0.5 * palette.dark)).lit(1.06);
        let shade = color.mix(palette.near, 0.22);
        let air = palette.far.mix(palette.sky[3], 0.55);
        let mist = 0.62 * (1.0 - depth);
        let snow = palette.lit(Color::gray(0.95));
        let capped = matches!(self.form, Form::Jagged) && depth < 0.45 && self.tall > 0.16;
        let octaves = scene.octaves;
        let seed = self.seed ^ 0x51;
        let steep = match self.form {
            Form::Jagged => 1.0,
            Form::Dune => 1.5,
            Form::Flat | Form::Rolling | Form::Headland { .. } => 0.5,
        };
        canvas.ground(
            |x| self.at(x),
            bottom,
            |point, below| {
                let facing = -self.slope(point.x) * scene.light_side * steep;
                let fade = 1.0 - smooth(0.0, self.tall * 1.2 + 0.02, below);
                let grain = match self.form {
                    Form::Jagged => {
                        // Light falls at an angle: a point that is higher than its neighbor towards the
                        // light is lit.
                        let (x, y) = (point.x * 6.2 + below * 1.5 * scene.light_side, point.y * 4.6);
                        let here = cloud(x, y, octaves, seed);
                        let before = cloud(x + 0.16 * scene.light_side, y - 0.10, octaves, seed);
                        (here - before) * 3.4 + facing * 0.26 * fade
                    }
                    Form::Dune => {
                        // The crest between the lit and the shaded face runs down towards the viewer.
                        let run = below * (1.5 + 0.5 * noise(point.x * 2.0, below * 5.0, seed));
                        let crest = -self.slope(point.x - run * scene.light_side) * scene.light_side;
                        (smooth(-0.22, 0.22, crest) * 2.0 - 1.0)
                            * (1.0 - smooth(0.02, self.tall * 2.2, below))
                            + 0.1
                    }
                    Form::Flat | Form::Rolling | Form::Headland { .. } => {
                        facing * fade + 0.5 * cloud(point.x * 5.0, point.y * 14.0, octaves - 1, seed)
                    }
                };
                let face = shade.mix(lit, smooth(-0.75, 0.75, grain));
                let face = if capped && below < self.tall {
                    let line =
                        self.tall * 0.34 + 0.10 * cloud(point.x * 10.0, below * 10.0, octaves, seed ^ 9);
                    let cap = 1.0
                        - smooth(
                            line - 0.03,
                            line + 0.03,
                            below + (point.y - self.base + self.tall * 0.6) * 0.8,
                        );
                    face.mix(color.mix(snow, 0.75 - 0.25 * smooth(-0.6, 0.6, -grain)), cap)
                } else {
                    face
                };
                face.mix(air, mist * smooth(0.0, 0.26, below)).light()
            },
        );
    }

    /// Paints the foreground, with the texture of its place.
    pub(super) fn paint_near(&self, canvas: &mut Canvas, scene: &Scene) {
        let palette = &scene.palette;
        let soil = scene.land(0.92);
        let glow = palette.glow;
        let octaves = scene.octaves + 1;
        let seed = self.seed ^ 0xA7;
        let place = scene.plan.place;
        let (width, horizon) = (scene.width, scene.horizon);
        let below_horizon = scene.height - horizon;
        let vanishing = at(width * 0.5 + scene.light_side * width * 0.12, horizon - 0.05);
        canvas.ground(
            |x| self.at(x),
            scene.height,
            |point, below| {
                let facing = -self.slope(point.x) * scene.light_side;
                let down = ((point.y - horizon) / below_horizon).clamp(0.0, 1.0);
                let grain = cloud(point.x * 7.0, point.y * 7.0, octaves, seed);
                let color = match place {
                    Place::Sea | Place::Lake => rock(scene, soil, point.x, below, facing, seed, octaves),
                    Place::Dunes => {
                        let run = below * (1.6 + 0.5 * noise(point.x * 2.0, below * 4.0, seed));
                        let face = -self.slope(point.x - run * scene.light_side) * scene.light_side;
                        let crest = mix(smooth(-0.25, 0.25, face), 0.55, smooth(0.04, 0.40, below));
                        let bend = cloud(point.x * 1.4, point.y * 2.2, 2, seed);
                        let ripple = noise(point.x * 5.0 + bend, (point.y + bend * 0.05) * 64.0, seed ^ 3);
                        let color = soil.mix(palette.near, 0.30).mix(soil.mix(glow, 0.22), crest);
                        color.lit(1.0 + 0.07 * ripple * smooth(0.02, 0.2, below) + 0.03 * grain)
                    }
                    Place::Field => {
                        // Furrows converge at a vanishing point on the horizon.
                        let lane = (point.x - vanishing.x) / (point.y - vanishing.y).max(0.02);
                        let furrow = noise(lane * 7.0 + 0.15 * grain, 0.5, seed ^ 5);
                        let tuft = noise(lane * 40.0, 14.0 / (point.y - vanishing.y).max(0.03), seed ^ 6);
                        let color = soil.mix(palette.near, 0.36 * smooth(-0.15, 0.5, furrow));
                        color
                            .mix(glow, 0.22 * (1.0 - smooth(0.0, 0.22, below)))
                            .lit(1.0 + 0.10 * tuft + 0.05 * grain)
                    }
                    Place::City => {
                        let lane = (point.x - vanishing.x) / (point.y - vanishing.y).max(0.02);
                        soil.mix(palette.near, 0.55)
                            .lit(1.0 + 0.05 * noise(lane * 6.0, 0.5, seed) + 0.06 * grain)
                    }
                    Place::Snow => {
                        let drift = cloud(point.x * 2.0, point.y * 6.0, 4, seed);
                        soil.mix(
                            palette.sky[0].mix(palette.near, 0.3),
                            0.20 + 0.22 * smooth(-0.3, 0.5, drift - facing * 0.8),
                        )
                        .mix(glow, 0.12 * smooth(-0.2, 0.6, facing - drift))
                        .lit(1.0 + 0.012 * grain)
                    }
                    Place::Forest | Place::Mountains | Place::Hills => {
                        let sward = cloud(point.x * 16.0, point.y * 34.0, octaves, seed ^ 4);
                        soil.mix(palette.near, 0.18 + 0.25 * smooth(-0.4, 0.5, grain - facing))
                            .mix(glow, 0.16 * (1.0 - smooth(0.0, 0.10, below)))
                            .lit(1.0 + 0.09 * sward)
                    }
                };
                let dim = match place {
                    Place::Snow => 0.12,
                    Place::Dunes => 0.28,
                    Place::Sea
                    | Place::Lake
                    | Place::Mountains
                    | Place::Forest
                    | Place::City
                    | Place::Field
                    | Place::Hills => 0.52,
                };
                color.mix(palette.near, dim * smooth(0.25, 1.0, down)).light()
            },
        );
    }
}

/// The color of a cliff: grass on top, and facets of stone below that catch the light.
fn rock(scene: &Scene, soil: Color, x: f32, below: f32, facing: f32, seed: u32, octaves: u32) -> Color {
    let palette = &scene.palette;
    // The stone has inclined layers; each block is lit on the face that is turned to the light.
    let (u, v) = (x * 9.0, below * 7.5 - x * 2.0 * scene.light_side);
    let relief = |u: f32, v: f32| {
        let beds = noise(u * 0.55, v * 2.4, seed ^ 3).abs();
        cloud(u, v, octaves, seed) - 0.55 * beds
    };
    let slant = (relief(u, v) - relief(u + 0.15 * scene.light_side, v - 0.13)) * 3.0;
    let cracks = noise(u * 2.6, v * 2.6, seed ^ 8);
    let stone = palette.far.mix(palette.near, 0.66).mix(soil, 0.20);
    let lit = stone.mix(palette.glow, 0.24).lit(1.06);
    let light = smooth(-0.60, 1.00, slant + 0.45 * facing.clamp(-1.0, 1.4));
    let stone = stone.mix(palette.near, 0.52).mix(lit, light * (0.95 - 0.65 * smooth(0.0, 0.45, below)));
    let turf = 1.0 - smooth(0.010, 0.034, below + 0.016 * cracks + 0.016 * facing.abs());
    let rim = 1.0 - smooth(0.0, 0.012, below);
    stone.mix(soil.mix(palette.near, 0.18 + 0.1 * mix(-1.0, 1.0, light)), turf).mix(palette.glow, 0.30 * rim)
}
