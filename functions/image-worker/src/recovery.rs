//! Recovers the images that an earlier worker stored, so that they are not paid for twice.

use aws::keys;
use domain::Job;
use domain::store::StoreError;
use tracing::{info, warn};

use crate::Deps;
use crate::sink::{Sink, StoreImageError};

/// Adds every image that is already in the store to `sink`.
///
/// # Errors
///
/// If the store does not answer: without knowing what is stored, the worker would pay for it again.
pub(crate) async fn recover_stored_images(
    deps: &Deps<'_>,
    job: &Job,
    sink: &Sink<'_>,
) -> Result<(), StoreError> {
    let stored = deps.images.list(&keys::image_prefix(&job.storage_prefix)).await?;
    for index in 0..job.picture.count.get() {
        let stem = keys::image_stem(&job.storage_prefix, index);
        let Some(key) = stored.iter().find(|key| key.starts_with(&stem)) else { continue };
        let Some(object) = deps.images.get(key).await? else { continue };
        let Some(origin) = object.origin else {
            warn!(index, "a stored image without an origin is ignored");
            continue;
        };
        match sink.store_image(index, object.bytes, origin, true).await {
            Ok(()) => info!(index, "image recovered"),
            Err(StoreImageError::NotStored) => {
                return Err(StoreError::Unavailable("no thumbnail was stored".into()));
            }
            Err(problem @ StoreImageError::BadImage(_)) => {
                warn!(index, %problem, "a stored image is unusable")
            }
        }
    }
    Ok(())
}
