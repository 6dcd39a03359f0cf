//! The oldest Chrome that must understand an addon.

/// A major version of Chrome, for example 120. [`Self::FLOOR`] is the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OldestChrome(u16);

impl OldestChrome {
    /// The last Chrome for Windows 7 and 8.1. Nothing older has to be considered: all of ECMAScript 2022 is known to
    /// it.
    pub const FLOOR: Self = Self(109);

    /// `None` below the floor.
    #[must_use]
    pub const fn new(version: u16) -> Option<Self> {
        if version < Self::FLOOR.0 { None } else { Some(Self(version)) }
    }

    #[must_use]
    pub const fn version(self) -> u16 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_below_the_floor_are_refused() {
        assert_eq!(OldestChrome::new(108), None);
        assert_eq!(OldestChrome::new(109), Some(OldestChrome::FLOOR));
        assert_eq!(OldestChrome::new(120).map(OldestChrome::version), Some(120));
    }
}
