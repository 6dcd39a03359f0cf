//! The bodies of requests and responses, by area.

pub mod access;
pub mod addons;
pub mod chat;
pub mod health;
pub mod images;
pub(crate) mod time;
pub mod webhooks;
