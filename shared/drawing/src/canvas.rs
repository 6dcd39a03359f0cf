use crate::color::Light;
use crate::mask::Mask;
use crate::math::floor;
use crate::path::{Path, Point, at};

/// The image while it is painted: linear light per pixel. Coordinates are in units of the shorter side.
pub(super) struct Canvas {
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Pixels per unit.
    pub(super) scale: f32,
    pub(super) pixels: Vec<Light>,
}

impl Canvas {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        let scale = columns.min(rows) as f32;
        Self { columns, rows, scale, pixels: vec![Light::default(); columns * rows] }
    }

    pub(super) fn width(&self) -> f32 {
        self.columns as f32 / self.scale
    }

    pub(super) fn height(&self) -> f32 {
        self.rows as f32 / self.scale
    }

    /// The center of a pixel.
    fn point(&self, column: usize, row: usize) -> Point {
        at((column as f32 + 0.5) / self.scale, (row as f32 + 0.5) / self.scale)
    }

    /// The row nearest to `y`, clamped to the canvas; the row just below the canvas is included.
    pub(super) fn row(&self, y: f32) -> usize {
        floor((y * self.scale + 0.5).clamp(0.0, self.rows as f32)) as usize
    }

    /// Repaints the rows from `top` to `bottom`. `paint` gets the current light of the pixel.
    pub(super) fn repaint(&mut self, top: f32, bottom: f32, paint: impl Fn(Point, Light) -> Light) {
        for row in self.row(top)..self.row(bottom) {
            for column in 0..self.columns {
                let point = self.point(column, row);
                let pixel = &mut self.pixels[row * self.columns + column];
                *pixel = paint(point, *pixel);
            }
        }
    }

    /// Paints the inside of a path.
    pub(super) fn fill(&mut self, path: &Path, paint: impl Fn(Point) -> Light) {
        self.glaze(path, |point| (paint(point), 1.0));
    }

    /// Paints the inside of a path. `paint` returns the light and its opacity (0 to 1).
    pub(super) fn glaze(&mut self, path: &Path, paint: impl Fn(Point) -> (Light, f32)) {
        let Some(mask) = Mask::of(path, self.scale, self.columns, self.rows) else { return };
        for row in 0..mask.height {
            for (column, &cover) in mask.row(row).iter().enumerate() {
                if cover > 0.001 {
                    let (column, row) = (mask.left + column, mask.top + row);
                    let (light, opacity) = paint(self.point(column, row));
                    let pixel = &mut self.pixels[row * self.columns + column];
                    *pixel = pixel.mix(light, cover * opacity);
                }
            }
        }
    }

    /// Adds light to the inside of a path.
    pub(super) fn shine(&mut self, path: &Path, light: impl Fn(Point) -> Light) {
        let Some(mask) = Mask::of(path, self.scale, self.columns, self.rows) else { return };
        for row in 0..mask.height {
            for (column, &cover) in mask.row(row).iter().enumerate() {
                if cover > 0.001 {
                    let (column, row) = (mask.left + column, mask.top + row);
                    let light = light(self.point(column, row)) * cover;
                    let pixel = &mut self.pixels[row * self.columns + column];
                    *pixel = *pixel + light;
                }
            }
        }
    }

    /// Paints everything between a skyline and `bottom`. `paint` gets the distance below the skyline.
    pub(super) fn ground(
        &mut self,
        line: impl Fn(f32) -> f32,
        bottom: f32,
        paint: impl Fn(Point, f32) -> Light,
    ) {
        let heights: Vec<f32> =
            (0..self.columns).map(|column| line((column as f32 + 0.5) / self.scale)).collect();
        let first = self.row(heights.iter().copied().fold(f32::MAX, f32::min) - 1.0 / self.scale);
        for row in first..self.row(bottom) {
            for (column, &height) in heights.iter().enumerate() {
                let point = self.point(column, row);
                let depth = point.y - height;
                // On a slope the edge crosses several rows of a column, so the antialiasing ramp is wider.
                let rise = (heights[(column + 1).min(self.columns - 1)] - heights[column.saturating_sub(1)])
                    .abs()
                    * 0.5
                    * self.scale;
                let cover = (depth * self.scale / (1.0 + rise) + 0.5).clamp(0.0, 1.0);
                if cover > 0.0 {
                    let light = paint(point, depth.max(0.0));
                    let pixel = &mut self.pixels[row * self.columns + column];
                    *pixel = pixel.mix(light, cover);
                }
            }
        }
    }

    /// Repaints everything within `reach` above a skyline. `paint` gets the distance as a share of `reach`.
    pub(super) fn above(
        &mut self,
        line: impl Fn(f32) -> f32,
        reach: f32,
        paint: impl Fn(Light, f32) -> Light,
    ) {
        for column in 0..self.columns {
            let height = line((column as f32 + 0.5) / self.scale);
            for row in self.row(height - reach)..self.row(height) {
                let away = ((height - self.point(column, row).y) / reach).clamp(0.0, 1.0);
                let pixel = &mut self.pixels[row * self.columns + column];
                *pixel = paint(*pixel, away);
            }
        }
    }

    /// Adds light around a point, fading to zero at the radius.
    pub(super) fn glow(&mut self, center: Point, radius: f32, light: Light) {
        let top = self.row(center.y - radius);
        let bottom = self.row(center.y + radius);
        let left = floor(((center.x - radius) * self.scale).clamp(0.0, self.columns as f32)) as usize;
        let right = floor(((center.x + radius) * self.scale + 1.0).clamp(0.0, self.columns as f32)) as usize;
        for row in top..bottom {
            for column in left..right {
                let away = self.point(column, row) - center;
                let near = 1.0 - (away.x * away.x + away.y * away.y) / (radius * radius);
                if near > 0.0 {
                    let pixel = &mut self.pixels[row * self.columns + column];
                    *pixel = *pixel + light * (near * near * near);
                }
            }
        }
    }

    /// The light at any point, interpolated between the centers of the pixels.
    pub(super) fn sample(&self, place: Point) -> Light {
        let x = (place.x * self.scale - 0.5).clamp(0.0, (self.columns - 1) as f32);
        let y = (place.y * self.scale - 0.5).clamp(0.0, (self.rows - 1) as f32);
        let (left, top) = (x as usize, y as usize);
        let (right, below) = ((left + 1).min(self.columns - 1), (top + 1).min(self.rows - 1));
        let pick = |column: usize, row: usize| self.pixels[row * self.columns + column];
        let across = x - left as f32;
        let upper = pick(left, top).mix(pick(right, top), across);
        let lower = pick(left, below).mix(pick(right, below), across);
        upper.mix(lower, y - top as f32)
    }
}
