//! The composition: the positions of horizon, light and subjects for one size of image.

use crate::canvas::Canvas;
use crate::color::Color;
use crate::math::smooth;
use crate::palette::Palette;
use crate::path::{Point, at};
use crate::plan::Plan;
use crate::words::{Place, Subject, Time};

/// A plan laid out for the size of a canvas.
pub(super) struct Scene {
    pub(super) plan: Plan,
    pub(super) palette: Palette,
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) horizon: f32,
    pub(super) sun: Point,
    pub(super) sun_radius: f32,
    /// Position of a moon that is not the light source.
    pub(super) moon: Point,
    /// -1 if the light comes from the left of the subjects, 1 if from the right.
    pub(super) light_side: f32,
    /// x of the main subject.
    pub(super) focus: f32,
    pub(super) starry: bool,
    pub(super) octaves: u32,
    /// Whether to paint more small elements.
    pub(super) detailed: bool,
}

impl Scene {
    pub(super) fn of(plan: Plan, canvas: &Canvas, detailed: bool) -> Self {
        let (width, height) = (canvas.width(), canvas.height());
        let palette = Palette::of(&plan);
        let mut random = plan.random.part("composition");
        let light_side = if random.chance(0.62) { -1.0 } else { 1.0 };
        let horizon = height
            * match plan.place {
                Place::Sea => 0.66,
                Place::Lake => 0.58,
                Place::Dunes | Place::Field | Place::Snow => 0.62,
                Place::Mountains | Place::Forest | Place::Hills => 0.66,
                Place::City => 0.74,
            };
        let middle = width * 0.5;
        // Subject and light are placed roughly by the rule of thirds.
        let focus = middle - light_side * width * random.between(0.15, 0.20);
        let sun_x = middle + light_side * width * random.between(0.16, 0.26);
        let big = plan.subjects.iter().any(|subject| matches!(subject, Subject::Sun | Subject::Moon));
        let (sun_y, sun_radius) = match plan.time {
            Time::Dawn => (horizon - 0.13, 0.050),
            Time::Day => (height * 0.17, 0.048),
            Time::Sunset => (horizon - 0.085, 0.072),
            Time::Dusk => (horizon + 0.012, 0.050),
            Time::Night => (height * 0.24, 0.062),
            Time::Storm => (horizon - 0.10, 0.05),
            Time::Mist => (horizon - height * 0.28, 0.055),
        };
        let sun_radius = if big { sun_radius * 2.1 } else { sun_radius };
        let starry =
            plan.time == Time::Night && (plan.subjects.contains(&Subject::Stars) || random.chance(0.35));
        Self {
            width,
            height,
            horizon,
            sun: at(sun_x, sun_y),
            sun_radius,
            moon: at(
                middle + light_side * width * random.between(0.28, 0.36),
                height * random.between(0.13, 0.18),
            ),
            light_side,
            focus,
            starry,
            octaves: if detailed { 6 } else { 4 },
            detailed,
            palette,
            plan,
        }
    }

    pub(super) fn has_water(&self) -> bool {
        matches!(self.plan.place, Place::Sea | Place::Lake | Place::City)
    }

    /// The color of the land at a depth from 0 (the horizon) to 1 (the foreground).
    pub(super) fn land(&self, depth: f32) -> Color {
        let near = self.palette.soil.mix(self.palette.near, 0.12 + 0.18 * depth);
        self.palette.far.mix(near, smooth(-0.15, 1.0, depth))
    }

    /// The subjects that are painted standing on the foreground.
    pub(super) fn standing(&self) -> impl Iterator<Item = Subject> + '_ {
        self.plan.subjects.iter().copied().filter(|subject| subject.needs_ground())
    }
}
