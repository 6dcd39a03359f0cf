//! The commands of the command line, one file for each or one folder for a group.

pub(crate) mod addons;
pub(crate) mod batch;
pub(crate) mod chat;
pub(crate) mod down;
pub(crate) mod generate;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod providers;
pub(crate) mod stack_secret;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod webhooks;
