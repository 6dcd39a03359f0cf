//! The client verbs, which work on any deployment.

pub(crate) mod batch;
pub(crate) mod chat;
pub(crate) mod generate;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod webhooks;

mod api;
mod files;
mod follow;
mod job;
mod lines;
mod refusal;
mod save;
mod target;
