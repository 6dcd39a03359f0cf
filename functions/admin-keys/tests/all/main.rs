//! All integration tests of this function, in one binary: linking one takes longer than running it.

// A panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod events;
mod handle;
mod late;
