//! What an earlier worker has left: images that are paid for must not be paid for again.

use aws::keys;
use domain::Job;
use domain::store::StoreError;
use tracing::{info, warn};

use crate::Deps;
use crate::sink::{Sink, StoreImageError};

/// Takes over every image that is in the store already. A store that does not answer is an error:
/// going on without knowing what is there would pay for it again.
pub(crate) async fn recover_stored_images(
    deps: &Deps<'_>,
    job: &Job,
    sink: &Sink<'_>,
) -> Result<(), StoreError> {
    let there = deps.images.list(&keys::image_prefix(&job.storage_prefix)).await?;
    for index in 0..job.picture.count.get() {
        let stem = keys::image_stem(&job.storage_prefix, index);
        let Some(key) = there.iter().find(|key| key.starts_with(&stem)) else { continue };
        let Some(object) = deps.images.get(key).await? else { continue };
        let Some(origin) = object.origin else {
            warn!(index, "an image that does not say where it comes from is left aside");
            continue;
        };
        match sink.store_image(index, object.bytes, origin, true).await {
            Ok(()) => info!(index, "image taken over"),
            Err(StoreImageError::NotStored) => {
                return Err(StoreError::Unavailable("no thumbnail was stored".into()));
            }
            Err(problem @ StoreImageError::BadImage(_)) => {
                warn!(index, %problem, "an image cannot be taken over")
            }
        }
    }
    Ok(())
}
