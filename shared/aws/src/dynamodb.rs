//! What every table has in common.

pub(crate) mod conditional;
pub(crate) mod row;
pub(crate) mod table;

pub use table::JobsTable;
