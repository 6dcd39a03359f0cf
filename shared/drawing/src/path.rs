use core::ops::{Add, Mul, Sub};

use crate::math::{cos, sin};

/// A point of the canvas. The shorter side has length 1; y points down.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
}

pub(super) const fn at(x: f32, y: f32) -> Point {
    Point { x, y }
}

impl Point {
    pub(super) fn length(self) -> f32 {
        (self.x * self.x + self.y * self.y).sqrt()
    }

    pub(super) fn mix(self, other: Self, t: f32) -> Self {
        self + (other - self) * t
    }
}

impl Add for Point {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        at(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Point {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        at(self.x - other.x, self.y - other.y)
    }
}

impl Mul<f32> for Point {
    type Output = Self;

    fn mul(self, factor: f32) -> Self {
        at(self.x * factor, self.y * factor)
    }
}

/// Closed outlines; curves are already split into short lines.
#[derive(Clone, Default)]
pub(super) struct Path {
    pub(super) outlines: Vec<Vec<Point>>,
}

impl Path {
    pub(super) fn polygon(points: &[Point]) -> Self {
        Self { outlines: vec![points.to_vec()] }
    }

    pub(super) fn ellipse(center: Point, across: f32, down: f32) -> Self {
        let corners = 64;
        let outline = (0..corners)
            .map(|corner| {
                let turns = corner as f32 / corners as f32;
                at(center.x + across * cos(turns), center.y + down * sin(turns))
            })
            .collect();
        Self { outlines: vec![outline] }
    }

    /// A smooth closed outline through the points (Catmull-Rom).
    pub(super) fn blob(points: &[Point]) -> Self {
        let count = points.len();
        let mut outline = Vec::with_capacity(count * 10);
        for index in 0..count {
            let [before, from, to, after] =
                [count - 1, 0, 1, 2].map(|offset| points[(index + offset) % count]);
            for step in 0..10 {
                outline.push(between(before, from, to, after, step as f32 / 10.0));
            }
        }
        Self { outlines: vec![outline] }
    }

    /// A smooth line through the points, whose width changes from `start` to `end`.
    pub(super) fn stroke(points: &[Point], start: f32, end: f32) -> Self {
        let last = points.len() - 1;
        let mut line = Vec::new();
        for index in 0..last {
            let before = points[index.saturating_sub(1)];
            let after = points[(index + 2).min(last)];
            for step in 0..8 {
                line.push(between(before, points[index], points[index + 1], after, step as f32 / 8.0));
            }
        }
        line.push(points[last]);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for index in 0..line.len() {
            let along = line[(index + 1).min(line.len() - 1)] - line[index.saturating_sub(1)];
            let length = along.length().max(1e-6);
            let t = index as f32 / (line.len() - 1) as f32;
            let half = (start + (end - start) * t) * 0.5 / length;
            left.push(at(line[index].x - along.y * half, line[index].y + along.x * half));
            right.push(at(line[index].x + along.y * half, line[index].y - along.x * half));
        }
        left.extend(right.into_iter().rev());
        Self { outlines: vec![left] }
    }

    /// The union of both paths: an overlap is covered only once.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.outlines.extend(other.outlines);
        self
    }

    /// The same outlines with a corner at least every few pixels, so that `map` can bend them.
    pub(super) fn dense(mut self) -> Self {
        for outline in &mut self.outlines {
            let mut from = outline.last().copied().unwrap_or_default();
            let mut fine = Vec::new();
            for &to in outline.iter() {
                let steps = ((to - from).length() / 0.004) as usize + 1;
                fine.extend((1..=steps).map(|step| from.mix(to, step as f32 / steps as f32)));
                from = to;
            }
            *outline = fine;
        }
        self
    }

    pub(super) fn map(mut self, place: impl Fn(Point) -> Point) -> Self {
        for point in self.outlines.iter_mut().flatten() {
            *point = place(*point);
        }
        self
    }

    /// The bounding box: the corners with the least and the greatest coordinates.
    pub(super) fn bounds(&self) -> (Point, Point) {
        let mut least = at(f32::MAX, f32::MAX);
        let mut most = at(f32::MIN, f32::MIN);
        for point in self.outlines.iter().flatten() {
            least = at(least.x.min(point.x), least.y.min(point.y));
            most = at(most.x.max(point.x), most.y.max(point.y));
        }
        (least, most)
    }
}

fn between(before: Point, from: Point, to: Point, after: Point, t: f32) -> Point {
    let slope_from = (to - before) * 0.5;
    let slope_to = (after - from) * 0.5;
    let rise = to - from;
    from + (slope_from
        + (rise * 3.0 - slope_from * 2.0 - slope_to + (slope_from + slope_to - rise * 2.0) * t) * t)
        * t
}
