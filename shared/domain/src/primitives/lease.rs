//! Leases on rows.

use crate::primitives::id::LeaseId;
use crate::primitives::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// A claim on a row that lapses by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Tells one claim from the next.
    pub id: LeaseId,
    /// When it lapses: later than its holder can live.
    pub until: Timestamp,
}
