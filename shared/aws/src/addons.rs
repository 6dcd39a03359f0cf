//! Addons: the catalog and the contents, in one table.

mod contents;
mod table;

pub use table::AddonsTable;
