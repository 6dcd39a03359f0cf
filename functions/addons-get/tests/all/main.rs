//! Tests of `GET /addons`.

// A test that cannot continue panics.
#![allow(clippy::unwrap_used)]

mod content;
mod cost;
mod events;
mod listing;
mod pages;
mod support;
