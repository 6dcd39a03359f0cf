//! The catalog that this function has read.

use std::sync::Arc;
use std::time::Duration;

use app::addons::library::Library;
use domain::addons::AddonReader;
use domain::store::StoreError;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;

/// How long a single addon is served before it is asked whether there is a newer catalog.
pub(crate) const RECENT: Duration = Duration::from_secs(2);
/// How long an old catalog is served while the present generation cannot be read.
const STALE: Duration = Duration::from_secs(60);

/// The newest catalog that was read.
pub(crate) struct Shelf<'a> {
    reader: &'a dyn AddonReader,
    // The lock is held during a read, so that a burst of requests causes one read.
    known: Mutex<Option<Known>>,
}

struct Known {
    library: Arc<Library>,
    /// Before the last look at the generation began.
    looked: Instant,
}

impl<'a> Shelf<'a> {
    pub(crate) fn new(reader: &'a dyn AddonReader) -> Self {
        Self { reader, known: Mutex::new(None) }
    }

    /// Returns a catalog that was the present one at most [`RECENT`] ago.
    pub(crate) async fn recent(&self) -> Result<Arc<Library>, StoreError> {
        self.not_older_than(RECENT).await
    }

    /// Returns the present catalog.
    pub(crate) async fn present(&self) -> Result<Arc<Library>, StoreError> {
        self.not_older_than(Duration::ZERO).await
    }

    async fn not_older_than(&self, age: Duration) -> Result<Arc<Library>, StoreError> {
        let asked = Instant::now();
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_mut() {
            // Another request may have looked while this one waited for the lock.
            if known.looked.elapsed() < age || known.looked >= asked {
                return Ok(known.library.clone());
            }
            let looked = Instant::now();
            match self.reader.generation().await {
                Ok(generation) if generation == known.library.catalog.generation => {
                    known.looked = looked;
                    return Ok(known.library.clone());
                }
                Ok(_) => {}
                // An addon as it was a moment ago is better than none.
                Err(error) if !age.is_zero() && known.looked.elapsed() < STALE => {
                    warn!(%error, "the generation of the catalog cannot be read");
                    return Ok(known.library.clone());
                }
                Err(error) => return Err(error),
            }
        }
        let looked = Instant::now();
        let library = Arc::new(Library::new(self.reader.load().await?));
        *known = Some(Known { library: library.clone(), looked });
        Ok(library)
    }
}
