//! The state of the stores of addons.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::Timestamp;
use domain::addons::{Catalog, ContentCoding, PublicationId};

/// The addons of a memory.
#[derive(Default)]
pub(crate) struct Addons {
    pub(crate) catalog: Catalog,
    pub(crate) garbage: BTreeMap<PublicationId, (Timestamp, Vec<PublicationId>)>,
    pub(crate) contents: BTreeMap<(PublicationId, String, ContentCoding), Bytes>,
}
