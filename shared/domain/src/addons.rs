//! Addons: scripts and style sheets that an extension runs on the pages of sites.
//!
//! Which pages, versions and order that means is in the crate `addons`; here is what is stored.

mod addon_id;
mod catalog;
mod ports;
mod release;
mod words;

pub use addon_id::{AddonId, NotAnAddonId};
pub use catalog::{Addon, Catalog, Generation, Standing};
pub use ports::{AddonContentStore, AddonContents, AddonReader, AddonRegistry, ContentCoding, Garbage};
pub use release::{
    Condition, ConditionValue, Config, Content, Dependency, Form, InjectionRule, PublicationId, Release,
    ReleaseNames,
};
pub use words::{AddonStatus, AddonType, ConditionType, Operator, RunAt};
