//! Pictures that came from anywhere: looked at within bounds, made to fit, made small.
//!
//! A crate of its own because loops over pixels need optimising, in debug builds too, and what asks
//! providers for pictures does not.

pub mod fit;
pub mod grid;
mod metered;
pub mod picture;
pub mod prepare;
mod resample;
pub mod thumbnail;
mod webp;
