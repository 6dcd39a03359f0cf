//! Tests of `/admin/addons`.

// A test that cannot continue panics.
#![allow(clippy::unwrap_used)]

mod changes;
mod cost;
mod events;
mod publishing;
mod support;
