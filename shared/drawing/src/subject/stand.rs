use crate::canvas::Canvas;
use crate::color::{Color, Light};
use crate::math::smooth;
use crate::path::{Path, Point, at};

/// Where a subject is painted, and its local coordinates: 1 is the height of the subject, x grows from its
/// center away from the light, y grows upwards from its foot.
pub(super) struct Stand {
    pub(super) foot: Point,
    pub(super) tall: f32,
    pub(super) light_side: f32,
}

impl Stand {
    /// Converts local coordinates to a point of the canvas.
    pub(super) fn at(&self, x: f32, y: f32) -> Point {
        at(self.foot.x - self.light_side * x * self.tall, self.foot.y - y * self.tall)
    }

    /// Converts a point of the canvas to local coordinates.
    pub(super) fn own(&self, place: Point) -> Point {
        at((self.foot.x - place.x) * self.light_side / self.tall, (self.foot.y - place.y) / self.tall)
    }

    pub(super) fn polygon(&self, points: &[(f32, f32)]) -> Path {
        Path::polygon(&self.places(points))
    }

    pub(super) fn blob(&self, points: &[(f32, f32)]) -> Path {
        Path::blob(&self.places(points))
    }

    pub(super) fn stroke(&self, points: &[(f32, f32)], start: f32, end: f32) -> Path {
        Path::stroke(&self.places(points), start * self.tall, end * self.tall)
    }

    pub(super) fn ellipse(&self, x: f32, y: f32, across: f32, up: f32) -> Path {
        Path::ellipse(self.at(x, y), across * self.tall, up * self.tall)
    }

    pub(super) fn bar(&self, left: f32, right: f32, bottom: f32, top: f32) -> Path {
        self.polygon(&[(left, bottom), (left, top), (right, top), (right, bottom)])
    }

    /// Fills with one color.
    pub(super) fn flat(&self, canvas: &mut Canvas, path: &Path, color: Color) {
        let light = color.light();
        canvas.fill(path, |_| light);
    }

    /// Shades a round body from `lit` on the side of the light (negative local x) to `shade`.
    pub(super) fn round(
        &self,
        canvas: &mut Canvas,
        path: &Path,
        middle: f32,
        half: f32,
        lit: Color,
        shade: Color,
    ) {
        canvas.fill(path, |place| self.turned(place, middle, half, lit, shade));
    }

    fn turned(&self, place: Point, middle: f32, half: f32, lit: Color, shade: Color) -> Light {
        let across = (self.own(place).x - middle) / half;
        lit.mix(shade, smooth(-0.75, 0.80, across)).light()
    }

    pub(super) fn places(&self, points: &[(f32, f32)]) -> Vec<Point> {
        points.iter().map(|&(x, y)| self.at(x, y)).collect()
    }
}
