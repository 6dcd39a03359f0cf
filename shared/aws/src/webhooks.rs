//! Webhooks: the outbox, endpoints, concurrency permits and secret versions.

pub(crate) mod deliveries;
mod endpoints;
mod host_permits;
mod secret_versions;
mod waiting_lines;

pub use host_permits::HostPermitsTable;
