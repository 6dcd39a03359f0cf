//! Arithmetic with the same result, bit for bit, on every machine. `sin`, `pow` and `exp` of the C libraries
//! differ in the last digit; `+ - * /` and `sqrt` do not.

/// The largest integer not above `x`. On x86-64 `f32::floor` would be a library call.
pub(super) fn floor(x: f32) -> i32 {
    let truncated = x as i32;
    if (truncated as f32) > x { truncated - 1 } else { truncated }
}

/// Smoothstep: 0 below `from`, 1 above `to`, and a soft step in between.
pub(super) fn smooth(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

pub(super) fn mix(from: f32, to: f32, t: f32) -> f32 {
    from + (to - from) * t
}

/// Sine of an angle in turns, by a polynomial: exact to five digits.
pub(super) fn sin(turns: f32) -> f32 {
    let t = turns - floor(turns) as f32;
    // Fold to -1/4..1/4 of a turn, where the polynomial is valid.
    let folded = if t < 0.25 {
        t
    } else if t < 0.75 {
        0.5 - t
    } else {
        t - 1.0
    };
    let x = folded * core::f32::consts::TAU;
    let square = x * x;
    x * (1.0 - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0 * (1.0 - square / 72.0))))
}

/// Cosine of an angle in turns.
pub(super) fn cos(turns: f32) -> f32 {
    sin(turns + 0.25)
}
