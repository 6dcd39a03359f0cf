//! Access to DynamoDB that all tables share.

pub(crate) mod conditional;
pub(crate) mod row;
pub(crate) mod table;

pub use table::JobsTable;
