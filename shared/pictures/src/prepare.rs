//! Makes of a provider's bytes what is stored: the image in its size, and its thumbnail.

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::picture::{BadPicture, Encoded, broken, inspect};

/// Pixels take many times what bytes do, so that only one picture is decoded at a time in a process.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

/// An image that can be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The image, in the size that was asked for.
    pub image: Encoded,
    /// Its thumbnail.
    pub thumbnail: Encoded,
    /// The size that it came in, if it had to be encoded anew.
    pub remade_from: Option<(u32, u32)>,
}

/// Decodes the picture once, fits it to `size` and makes its thumbnail, on a thread of its own: it takes
/// long enough to hold up whatever else waits.
///
/// # Errors
/// If the bytes are not a whole picture within the limits.
pub async fn prepare(bytes: Bytes, size: (u32, u32)) -> Result<Prepared, BadPicture> {
    one_at_a_time(move || {
        let fitted = inspect(&bytes)?.fit(bytes, size)?;
        let thumbnail = fitted.picture.thumbnail()?;
        Ok(Prepared { image: fitted.encoded, thumbnail, remade_from: fitted.remade_from })
    })
    .await
}

/// Runs `work`, which decodes a picture, when no other does.
pub(crate) async fn one_at_a_time<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BadPicture> + Send + 'static,
) -> Result<T, BadPicture> {
    let permit = ONE_AT_A_TIME.acquire().await.map_err(broken)?;
    // The thread goes on if nobody waits for it any more, and its pixels with it.
    let working = tokio::task::spawn_blocking(move || {
        let result = work();
        drop(permit);
        result
    });
    // A decoder that panics has met a picture that is broken in a new way.
    working.await.map_err(broken)?
}
