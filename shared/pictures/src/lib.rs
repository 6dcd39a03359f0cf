//! Processing of images from providers: decodes them within limits of memory, fits them to the requested
//! size, and makes thumbnails.
//!
//! This is a crate of its own because loops over pixels need an optimized build, also for development, and
//! the code that calls providers does not.

mod cicp;
pub mod decode;
pub mod error;
pub mod fit;
pub mod grid;
mod jpeg;
mod memory;
mod png_end;
pub mod prepare;
pub mod thumbnail;
mod webp;
