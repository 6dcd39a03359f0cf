//! Chat sessions.

pub(crate) mod sessions;

pub use sessions::{SessionsTable, Turns};
