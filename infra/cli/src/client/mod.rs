//! The client verbs, which work on any deployment.

pub(crate) mod generate;
pub(crate) mod keys;

mod api;
mod files;
mod target;
