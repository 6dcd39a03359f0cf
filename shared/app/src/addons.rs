//! Which addons a page gets, and what must hold before the catalog changes.

pub mod changes;
pub mod library;
pub mod page;
pub mod release_rules;
#[cfg(test)]
mod testing;
pub mod warnings;
