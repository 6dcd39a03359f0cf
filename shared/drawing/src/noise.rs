use crate::math::floor;

/// The gradients of a lattice point: axis-parallel and diagonal.
const SLOPES: [(f32, f32); 8] = [
    (1.0, 0.0),
    (-1.0, 0.0),
    (0.0, 1.0),
    (0.0, -1.0),
    (0.707_106_77, 0.707_106_77),
    (-0.707_106_77, 0.707_106_77),
    (0.707_106_77, -0.707_106_77),
    (-0.707_106_77, -0.707_106_77),
];

/// A hash of a lattice point and a seed.
pub(super) fn lattice(x: i32, y: i32, seed: u32) -> u32 {
    let mut bits = (x as u32).wrapping_mul(0x85eb_ca6b)
        ^ (y as u32).wrapping_mul(0xc2b2_ae35)
        ^ seed.wrapping_mul(0x27d4_eb2f);
    bits = (bits ^ (bits >> 15)).wrapping_mul(0x2c1b_3c6d);
    bits = (bits ^ (bits >> 12)).wrapping_mul(0x297a_2d39);
    bits ^ (bits >> 15)
}

/// [`lattice`] as a fraction from 0 to just below 1.
pub(super) fn fraction(x: i32, y: i32, seed: u32) -> f32 {
    (lattice(x, y, seed) >> 8) as f32 / (1u32 << 24) as f32
}

/// Gradient noise (Perlin), about -1 to 1.
pub(super) fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (column, row) = (floor(x), floor(y));
    let (dx, dy) = (x - column as f32, y - row as f32);
    let corner = |right: i32, down: i32| {
        let (slope_x, slope_y) = SLOPES[(lattice(column + right, row + down, seed) & 7) as usize];
        slope_x * (dx - right as f32) + slope_y * (dy - down as f32)
    };
    let (ease_x, ease_y) = (ease(dx), ease(dy));
    let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * ease_x;
    let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * ease_x;
    (top + (bottom - top) * ease_y) * 1.45
}

/// The sum of octaves of noise (fractal noise), about -1 to 1.
pub(super) fn cloud(mut x: f32, mut y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut height, mut total) = (0.0, 1.0, 0.0);
    for octave in 0..octaves {
        sum += height * noise(x, y, seed.wrapping_add(octave.wrapping_mul(101)));
        total += height;
        height *= 0.5;
        // Rotated a little each time, so that the lattices of the octaves do not align.
        (x, y) = (1.62 * x - 1.18 * y + 3.1, 1.18 * x + 1.62 * y - 1.7);
    }
    sum / total
}

/// Fractal noise along a line.
pub(super) fn skyline(mut x: f32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut height, mut total) = (0.0, 1.0, 0.0);
    for octave in 0..octaves {
        sum += height * noise(x, 0.5, seed.wrapping_add(octave.wrapping_mul(101)));
        total += height;
        height *= 0.48;
        x = x * 2.03 + 7.7;
    }
    sum / total
}

fn ease(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}
