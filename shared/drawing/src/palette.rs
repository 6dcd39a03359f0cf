use crate::color::Color;
use crate::plan::Plan;
use crate::words::{Pattern, Place, Time, Tint};

/// The colors of one image, chosen together for each time of day so that they match.
#[derive(Clone)]
pub(super) struct Palette {
    /// From the top of the image to the horizon.
    pub(super) sky: [Color; 4],
    /// The sun or the moon, and highlights.
    pub(super) glow: Color,
    pub(super) cloud_lit: Color,
    pub(super) cloud_shade: Color,
    /// Land at the horizon.
    pub(super) far: Color,
    /// Land in the foreground.
    pub(super) near: Color,
    /// The material of the land, in this light.
    pub(super) soil: Color,
    /// Deep water.
    pub(super) deep: Color,
    /// The one saturated color of the subjects.
    pub(super) accent: Color,
    /// The lit side of a white wall.
    pub(super) wall_lit: Color,
    /// The shaded side of a white wall.
    pub(super) wall_shade: Color,
    /// From 0 (day) to 1 (night, with lamps and stars).
    pub(super) dark: f32,
}

/// The light of lamps, which is the same at every time of day.
pub(super) fn lamp() -> Color {
    Color::new(0.90, 0.13, 82.0)
}

impl Palette {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut palette = Self::at(plan.time);
        let earth = soil(plan.place);
        palette.soil = palette.lit(plan.soil.map_or(earth, |tint| {
            earth.mix(Color::new((earth.lightness + tint.lightness) * 0.5, tint.chroma * 0.8, tint.hue), 0.85)
        }));
        palette = palette.map(|color| color.turned(plan.drift));
        if let Some(tint) = plan.tint {
            palette = palette.map(|color| tinted(color, tint));
        }
        let accent = plan.accent.or(plan.tint).unwrap_or(Tint { hue: 27.0, lightness: 0.58, chroma: 0.19 });
        let accent = Color::new(accent.lightness, accent.chroma, accent.hue);
        palette.accent = palette.lit(accent).mix(accent, 0.35);
        if plan.tint.is_some() && plan.pattern == Some(Pattern::Orbits) {
            // A pattern in one hue looks dull: the accent gets nearly the opposite hue.
            palette.accent = palette.accent.turned(165.0);
        }
        palette
    }

    /// How a color, given as by daylight, looks in the light of this palette.
    pub(super) fn lit(&self, color: Color) -> Color {
        color
            .mix(self.near, 0.62 * self.dark)
            .mix(self.glow.lit(color.lightness / self.glow.lightness.max(0.3)), 0.14)
    }

    fn map(mut self, change: impl Fn(Color) -> Color) -> Self {
        self.sky = self.sky.map(&change);
        for color in [
            &mut self.glow,
            &mut self.cloud_lit,
            &mut self.cloud_shade,
            &mut self.far,
            &mut self.near,
            &mut self.soil,
            &mut self.deep,
        ] {
            *color = change(*color);
        }
        self
    }

    fn at(time: Time) -> Self {
        let c = Color::new;
        let (sky, glow, clouds, land, deep, walls, dark) = match time {
            Time::Dawn => (
                [c(0.60, 0.080, 255.0), c(0.75, 0.065, 300.0), c(0.86, 0.080, 20.0), c(0.94, 0.075, 75.0)],
                c(0.96, 0.075, 80.0),
                (c(0.95, 0.050, 40.0), c(0.70, 0.055, 295.0)),
                (c(0.74, 0.060, 300.0), c(0.33, 0.060, 262.0)),
                c(0.50, 0.070, 255.0),
                (c(0.95, 0.035, 60.0), c(0.66, 0.050, 285.0)),
                0.15,
            ),
            Time::Day => (
                [c(0.56, 0.135, 252.0), c(0.69, 0.110, 243.0), c(0.82, 0.070, 230.0), c(0.93, 0.035, 205.0)],
                c(0.98, 0.030, 95.0),
                (c(0.985, 0.010, 90.0), c(0.80, 0.035, 245.0)),
                (c(0.72, 0.060, 238.0), c(0.38, 0.085, 152.0)),
                c(0.44, 0.100, 240.0),
                (c(0.97, 0.015, 90.0), c(0.74, 0.035, 250.0)),
                0.0,
            ),
            Time::Sunset => (
                [c(0.40, 0.095, 268.0), c(0.58, 0.125, 335.0), c(0.74, 0.160, 42.0), c(0.88, 0.150, 78.0)],
                c(0.93, 0.140, 80.0),
                (c(0.82, 0.150, 50.0), c(0.46, 0.100, 345.0)),
                (c(0.58, 0.115, 25.0), c(0.19, 0.055, 330.0)),
                c(0.32, 0.080, 320.0),
                (c(0.90, 0.090, 70.0), c(0.46, 0.080, 340.0)),
                0.45,
            ),
            Time::Dusk => (
                [c(0.25, 0.085, 278.0), c(0.41, 0.125, 300.0), c(0.62, 0.150, 5.0), c(0.82, 0.140, 62.0)],
                c(0.88, 0.135, 65.0),
                (c(0.72, 0.145, 20.0), c(0.35, 0.095, 300.0)),
                (c(0.47, 0.100, 325.0), c(0.14, 0.045, 285.0)),
                c(0.22, 0.070, 285.0),
                (c(0.84, 0.080, 50.0), c(0.36, 0.070, 295.0)),
                0.75,
            ),
            Time::Night => (
                [c(0.15, 0.050, 272.0), c(0.22, 0.068, 266.0), c(0.33, 0.070, 255.0), c(0.46, 0.065, 235.0)],
                c(0.93, 0.035, 100.0),
                (c(0.48, 0.050, 250.0), c(0.22, 0.050, 265.0)),
                (c(0.32, 0.055, 252.0), c(0.12, 0.035, 266.0)),
                c(0.16, 0.050, 262.0),
                (c(0.70, 0.030, 250.0), c(0.28, 0.045, 262.0)),
                1.0,
            ),
            Time::Storm => (
                [c(0.25, 0.030, 255.0), c(0.36, 0.035, 245.0), c(0.52, 0.040, 225.0), c(0.76, 0.045, 175.0)],
                c(0.90, 0.050, 130.0),
                (c(0.62, 0.030, 220.0), c(0.26, 0.028, 255.0)),
                (c(0.48, 0.035, 230.0), c(0.16, 0.025, 245.0)),
                c(0.24, 0.040, 225.0),
                (c(0.78, 0.020, 200.0), c(0.42, 0.025, 245.0)),
                0.6,
            ),
            Time::Mist => (
                [c(0.72, 0.030, 230.0), c(0.80, 0.025, 215.0), c(0.88, 0.022, 150.0), c(0.93, 0.030, 95.0)],
                c(0.97, 0.035, 95.0),
                (c(0.93, 0.018, 120.0), c(0.78, 0.025, 225.0)),
                (c(0.84, 0.020, 200.0), c(0.36, 0.035, 215.0)),
                c(0.60, 0.035, 220.0),
                (c(0.93, 0.015, 100.0), c(0.70, 0.025, 225.0)),
                0.2,
            ),
        };
        Self {
            sky,
            glow,
            cloud_lit: clouds.0,
            cloud_shade: clouds.1,
            far: land.0,
            near: land.1,
            soil: land.1,
            deep,
            accent: glow,
            wall_lit: walls.0,
            wall_shade: walls.1,
            dark,
        }
    }
}

fn soil(place: Place) -> Color {
    match place {
        Place::Sea => Color::new(0.42, 0.045, 120.0),
        Place::Lake => Color::new(0.45, 0.075, 145.0),
        Place::Dunes => Color::new(0.74, 0.120, 68.0),
        Place::Mountains => Color::new(0.50, 0.070, 148.0),
        Place::Forest => Color::new(0.40, 0.085, 155.0),
        Place::City => Color::new(0.40, 0.035, 265.0),
        Place::Field => Color::new(0.70, 0.125, 112.0),
        Place::Snow => Color::new(0.94, 0.018, 240.0),
        Place::Hills => Color::new(0.58, 0.115, 135.0),
    }
}

/// Shifts a color towards the hue of a color word, or towards gray for a word without a hue.
fn tinted(color: Color, tint: Tint) -> Color {
    if tint.chroma < 0.02 {
        let lightness = color.lightness + (tint.lightness - 0.6) * 0.25;
        return color.saturated(0.12).mix(Color::gray(lightness.clamp(0.04, 0.98)), 0.8);
    }
    let target = Color::new(color.lightness, color.chroma().max(tint.chroma * 0.55), tint.hue);
    color.mix(target, 0.62)
}
