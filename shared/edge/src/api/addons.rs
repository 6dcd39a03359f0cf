//! The bodies, queries and responses of addons.

pub mod faults;
pub mod metadata;
pub mod page;
pub mod patterns;
pub mod publication;
pub mod query;
pub mod status;
