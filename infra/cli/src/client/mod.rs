//! The client verbs, which work on any deployment.

pub(crate) mod generate;

mod api;
mod files;
mod target;
