//! API keys, rate limits, long polls and idempotency records.

pub(crate) mod api_key_admin;
pub(crate) mod api_keys;
pub(crate) mod idempotency;
pub(crate) mod long_polls;
pub(crate) mod rate_limits;
pub(crate) mod stores;

pub use api_keys::AccessTable;
pub use rate_limits::LimitsTable;
pub use stores::AuthStores;
