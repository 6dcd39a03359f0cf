//! The worker and its providers: whom it asks, what it pays, and what it tells of it.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

mod money;
mod order;
mod room;
mod world;
