//! The worker and its providers: which ones it calls, what it pays for, and what it records.

// A test may panic: that is how it fails.
#![allow(clippy::unwrap_used)]

mod money;
mod order;
mod room;
mod world;
