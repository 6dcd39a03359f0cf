//! Deletes content that no version has.

use std::time::Duration;

use domain::Timestamp;
use domain::store::StoreError;
use tracing::{info, warn};

use crate::Deps;

/// Content is deleted this long after it has become garbage. A publication takes seconds, and functions that serve read
/// the catalog again every few seconds.
const AGE: Duration = Duration::from_secs(60 * 60);

/// Deletes the content of publications that were given up, and of addons that were deleted. Whatever fails is tried again
/// after the next change.
pub(crate) async fn sweep(deps: &Deps<'_>, now: Timestamp) {
    match swept(deps, now).await {
        Ok(0) => {}
        Ok(count) => info!(count, "content was deleted that no version has"),
        Err(error) => warn!(%error, "content that no version has was not deleted"),
    }
}

async fn swept(deps: &Deps<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let old = deps.registry.garbage(Timestamp::from_millis(now.millis() - AGE.as_millis() as i64)).await?;
    for garbage in &old {
        for publication in &garbage.publications {
            deps.contents.delete(*publication).await?;
        }
        deps.registry.forget(garbage).await?;
    }
    Ok(old.len())
}
