use crate::math::floor;
use crate::path::{Path, Point};

/// The exact coverage, from 0 to 1, of each pixel in a box by a path: signed areas are accumulated where
/// edges pass, and then summed along each row.
pub(super) struct Mask {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    cover: Vec<f32>,
}

impl Mask {
    /// The mask of a path at `scale` pixels per unit; none if the path is outside the canvas.
    pub(super) fn of(path: &Path, scale: f32, canvas_width: usize, canvas_height: usize) -> Option<Self> {
        let (least, most) = path.bounds();
        let clip = |value: f32, limit: usize| floor(value.clamp(0.0, limit as f32)) as usize;
        let (left, top) = (clip(least.x * scale, canvas_width), clip(least.y * scale, canvas_height));
        let right = clip(most.x * scale + 1.0, canvas_width);
        let bottom = clip(most.y * scale + 1.0, canvas_height);
        if right <= left || bottom <= top {
            return None;
        }
        let (width, height) = (right - left, bottom - top);
        let mut mask = Self { left, top, width, height, cover: vec![0.0; (width + 2) * height] };
        for outline in &path.outlines {
            let place = |x: f32, y: f32| (x * scale - left as f32, y * scale - top as f32);
            // An outline in the opposite direction would cut holes where it overlaps others.
            let turn = if is_clockwise(outline) { 1.0 } else { -1.0 };
            let mut from = outline.last().copied().unwrap_or_default();
            for &to in outline {
                mask.edge(place(from.x, from.y), place(to.x, to.y), turn);
                from = to;
            }
        }
        mask.sum();
        Some(mask)
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        let start = row * (self.width + 2);
        &self.cover[start..start + self.width]
    }

    fn edge(&mut self, from: (f32, f32), to: (f32, f32), turn: f32) {
        let (direction, (x0, y0), (x1, y1)) =
            if from.1 < to.1 { (turn, from, to) } else { (-turn, to, from) };
        if y0 == y1 || y1 <= 0.0 || y0 >= self.height as f32 {
            return;
        }
        let slope = (x1 - x0) / (y1 - y0);
        let first = y0.max(0.0);
        let mut x = x0 + (first - y0) * slope;
        let last = (y1.min(self.height as f32) + 0.999_999) as usize;
        for row in first as usize..last.min(self.height) {
            let span = ((row + 1) as f32).min(y1) - (row as f32).max(y0);
            let next = x + slope * span;
            self.cross(row, x, next, direction * span);
            x = next;
        }
    }

    /// Adds an edge that crosses one row from `x` to `next`. It covers the part of the row to its right.
    fn cross(&mut self, row: usize, x: f32, next: f32, area: f32) {
        let limit = self.width as f32;
        let low = x.min(next).clamp(0.0, limit);
        let high = x.max(next).clamp(0.0, limit);
        let cells = &mut self.cover[row * (self.width + 2)..(row + 1) * (self.width + 2)];
        let first = low as usize;
        let end = floor(high + 0.999_999) as usize;
        if end <= first + 1 {
            let middle = 0.5 * (low + high) - first as f32;
            cells[first] += area * (1.0 - middle);
            cells[first + 1] += area * middle;
            return;
        }
        // The area to the right of the edge and to the left of `x`, of which each cell gets its share.
        let reached = |x: f32| {
            if x >= high { x - 0.5 * (low + high) } else { 0.5 * (x - low) * (x - low) / (high - low) }
        };
        let (mut before, mut share_before) = (0.0, 0.0);
        for (cell, value) in cells.iter_mut().enumerate().take(end + 1).skip(first) {
            let until = reached((cell + 1) as f32);
            let share = until - before;
            *value += area * (share - share_before);
            (before, share_before) = (until, share);
        }
    }

    fn sum(&mut self) {
        for cells in self.cover.chunks_exact_mut(self.width + 2) {
            let mut winding = 0.0;
            for cell in cells {
                winding += *cell;
                *cell = winding.abs().min(1.0);
            }
        }
    }
}

fn is_clockwise(outline: &[Point]) -> bool {
    let mut from = outline.last().copied().unwrap_or_default();
    let mut area = 0.0;
    for &to in outline {
        area += from.x * to.y - to.x * from.y;
        from = to;
    }
    area > 0.0
}
