//! The local cloud: MiniStack, an emulator of AWS, with the platform's own template deployed to it.

mod access;
mod build;
mod cloud;
mod deploy;
mod environment;
mod folder;
mod process;
mod python;
mod start;

pub(crate) use access::{Access, secrets_manager};
pub(crate) use cloud::Cloud;
pub(crate) use folder::DataFolder;
pub(crate) use process::{RunningCloud, find_running};
pub(crate) use start::start;
