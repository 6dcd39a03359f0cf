//! Addons: the catalog in a table, the contents in a bucket.

mod contents;
mod table;

pub use contents::AddonsBucket;
pub use table::AddonsTable;
