use crate::{
    colour::Colour,
    plan::Plan,
    words::{Pattern, Place, Time, Tint},
};

/// The colours of one picture. They are chosen together, per time of day, so that they agree.
#[derive(Clone)]
pub(super) struct Palette {
    /// The sky from the top of the picture to the horizon.
    pub(super) sky: [Colour; 4],
    /// The sun or the moon, and what they shine on.
    pub(super) glow: Colour,
    pub(super) cloud_lit: Colour,
    pub(super) cloud_shade: Colour,
    /// Land at the horizon and land at our feet.
    pub(super) far: Colour,
    pub(super) near: Colour,
    /// What the land is made of, in this light.
    pub(super) soil: Colour,
    pub(super) deep: Colour,
    /// The one strong colour of the things in the picture.
    pub(super) accent: Colour,
    /// White walls in this light: on the lit and on the shaded side.
    pub(super) wall_lit: Colour,
    pub(super) wall_shade: Colour,
    /// 0 by day, 1 where lamps are lit and stars are out.
    pub(super) dark: f32,
}

/// Lamps burn the same colour at any hour.
pub(super) fn lamp() -> Colour {
    Colour::new(0.90, 0.13, 82.0)
}

impl Palette {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut palette = Self::at(plan.time);
        let earth = soil(plan.place);
        palette.soil = palette.lit(plan.soil.map_or(earth, |tint| {
            earth
                .mix(Colour::new((earth.lightness + tint.lightness) * 0.5, tint.chroma * 0.8, tint.hue), 0.85)
        }));
        palette = palette.map(|colour| colour.turned(plan.drift));
        if let Some(tint) = plan.tint {
            palette = palette.map(|colour| tinted(colour, tint));
        }
        let accent = plan.accent.or(plan.tint).unwrap_or(Tint { hue: 27.0, lightness: 0.58, chroma: 0.19 });
        let accent = Colour::new(accent.lightness, accent.chroma, accent.hue);
        palette.accent = palette.lit(accent).mix(accent, 0.35);
        if plan.tint.is_some() && plan.pattern == Some(Pattern::Orbits) {
            // One colour alone makes a dull pattern: its opposite sets it off.
            palette.accent = palette.accent.turned(165.0);
        }
        palette
    }

    /// A colour that is its own by day, as this light shows it.
    pub(super) fn lit(&self, colour: Colour) -> Colour {
        colour
            .mix(self.near, 0.62 * self.dark)
            .mix(self.glow.lit(colour.lightness / self.glow.lightness.max(0.3)), 0.14)
    }

    fn map(mut self, change: impl Fn(Colour) -> Colour) -> Self {
        self.sky = self.sky.map(&change);
        for colour in [
            &mut self.glow,
            &mut self.cloud_lit,
            &mut self.cloud_shade,
            &mut self.far,
            &mut self.near,
            &mut self.soil,
            &mut self.deep,
        ] {
            *colour = change(*colour);
        }
        self
    }

    fn at(time: Time) -> Self {
        let c = Colour::new;
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

fn soil(place: Place) -> Colour {
    match place {
        Place::Sea => Colour::new(0.42, 0.045, 120.0),
        Place::Lake => Colour::new(0.45, 0.075, 145.0),
        Place::Dunes => Colour::new(0.74, 0.120, 68.0),
        Place::Mountains => Colour::new(0.50, 0.070, 148.0),
        Place::Forest => Colour::new(0.40, 0.085, 155.0),
        Place::City => Colour::new(0.40, 0.035, 265.0),
        Place::Field => Colour::new(0.70, 0.125, 112.0),
        Place::Snow => Colour::new(0.94, 0.018, 240.0),
        Place::Hills => Colour::new(0.58, 0.115, 135.0),
    }
}

/// Draws a colour towards the hue of a colour word, or towards grey for a word that has no hue.
fn tinted(colour: Colour, tint: Tint) -> Colour {
    if tint.chroma < 0.02 {
        let lightness = colour.lightness + (tint.lightness - 0.6) * 0.25;
        return colour.saturated(0.12).mix(Colour::grey(lightness.clamp(0.04, 0.98)), 0.8);
    }
    let target = Colour::new(colour.lightness, colour.chroma().max(tint.chroma * 0.55), tint.hue);
    colour.mix(target, 0.62)
}
