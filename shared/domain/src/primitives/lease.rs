//! Leases on rows.

use serde::{Deserialize, Serialize};

use crate::primitives::id::LeaseId;
use crate::primitives::timestamp::Timestamp;

/// A lease on a row. It expires on its own, so that a holder that dies does not block the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Different for each lease, so that a former holder cannot release the lease of the next one.
    pub id: LeaseId,
    /// When the lease expires, in Unix ms: later than its holder can still run.
    pub until: Timestamp,
}
