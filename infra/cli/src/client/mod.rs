//! A client of the HTTP API of any deployment.

pub(crate) mod api;
pub(crate) mod batch_file;
pub(crate) mod error;
pub(crate) mod poll;
pub(crate) mod request;
pub(crate) mod responses;
pub(crate) mod save;
pub(crate) mod target;

mod file_name;
