use core::ops::{Add, Mul};

use crate::math::{cos, mix, sin};

/// A color in OKLab, a perceptual color space: the mean of two colors looks halfway between them.
#[derive(Clone, Copy)]
pub(super) struct Color {
    pub(super) lightness: f32,
    a: f32,
    b: f32,
}

impl Color {
    pub(super) const fn gray(lightness: f32) -> Self {
        Self { lightness, a: 0.0, b: 0.0 }
    }

    /// From lightness (0 to 1), chroma (0 is gray, 0.2 is strong) and hue in degrees.
    pub(super) fn new(lightness: f32, chroma: f32, hue: f32) -> Self {
        Self { lightness, a: chroma * cos(hue / 360.0), b: chroma * sin(hue / 360.0) }
    }

    pub(super) fn mix(self, other: Self, t: f32) -> Self {
        Self {
            lightness: mix(self.lightness, other.lightness, t),
            a: mix(self.a, other.a, t),
            b: mix(self.b, other.b, t),
        }
    }

    pub(super) fn chroma(self) -> f32 {
        (self.a * self.a + self.b * self.b).sqrt()
    }

    /// The same hue and lightness, with the chroma scaled.
    pub(super) fn saturated(self, factor: f32) -> Self {
        Self { a: self.a * factor, b: self.b * factor, ..self }
    }

    pub(super) fn lit(self, factor: f32) -> Self {
        Self { lightness: (self.lightness * factor).min(1.0), ..self }
    }

    /// The same lightness and chroma, with the hue rotated by `degrees`.
    pub(super) fn turned(self, degrees: f32) -> Self {
        let (sin, cos) = (sin(degrees / 360.0), cos(degrees / 360.0));
        Self { a: self.a * cos - self.b * sin, b: self.a * sin + self.b * cos, ..self }
    }

    /// Converts to linear sRGB.
    pub(super) fn light(self) -> Light {
        let long = self.lightness + 0.396_337_78 * self.a + 0.215_803_76 * self.b;
        let medium = self.lightness - 0.105_561_346 * self.a - 0.063_854_17 * self.b;
        let short = self.lightness - 0.089_484_18 * self.a - 1.291_485_5 * self.b;
        let (long, medium, short) = (long * long * long, medium * medium * medium, short * short * short);
        Light {
            red: (4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short).max(0.0),
            green: (-1.268_438 * long + 2.609_757_4 * medium - 0.341_319_38 * short).max(0.0),
            blue: (-0.004_196_086_3 * long - 0.703_418_6 * medium + 1.707_614_7 * short).max(0.0),
        }
    }
}

/// Linear light (sRGB primaries), which can be added and mixed physically.
#[derive(Clone, Copy, Default)]
pub(super) struct Light {
    pub(super) red: f32,
    pub(super) green: f32,
    pub(super) blue: f32,
}

impl Light {
    pub(super) fn mix(self, other: Self, t: f32) -> Self {
        Self {
            red: mix(self.red, other.red, t),
            green: mix(self.green, other.green, t),
            blue: mix(self.blue, other.blue, t),
        }
    }

    pub(super) fn luminance(self) -> f32 {
        0.2126 * self.red + 0.7152 * self.green + 0.0722 * self.blue
    }
}

impl Add for Light {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { red: self.red + other.red, green: self.green + other.green, blue: self.blue + other.blue }
    }
}

impl Mul<f32> for Light {
    type Output = Self;

    fn mul(self, factor: f32) -> Self {
        Self { red: self.red * factor, green: self.green * factor, blue: self.blue * factor }
    }
}
