//! What a provider under test hands over.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use domain::providers::{GeneratedImage, ImageSink, Stop};

/// Keeps what a provider hands over.
#[derive(Debug, Default)]
pub struct Kept {
    images: Mutex<Vec<(u8, GeneratedImage)>>,
    progress: Mutex<Vec<u8>>,
    notes: Mutex<Vec<String>>,
    full: bool,
}

fn all<T: Clone>(list: &Mutex<Vec<T>>) -> Vec<T> {
    list.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn add<T>(list: &Mutex<Vec<T>>, value: T) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(value);
}

impl Kept {
    /// One that takes nothing.
    #[must_use]
    pub fn full() -> Self {
        Self { full: true, ..Self::default() }
    }

    /// The images with their indexes, in the order in which they came.
    #[must_use]
    pub fn images(&self) -> Vec<(u8, GeneratedImage)> {
        all(&self.images)
    }

    /// Every progress that was told.
    #[must_use]
    pub fn progress(&self) -> Vec<u8> {
        all(&self.progress)
    }

    /// Every handle that was noted.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        all(&self.notes)
    }
}

#[async_trait]
impl ImageSink for Kept {
    async fn image(&self, index: u8, image: GeneratedImage) -> Result<(), Stop> {
        if self.full {
            return Err(Stop);
        }
        add(&self.images, (index, image));
        Ok(())
    }

    async fn progress(&self, percent: u8) -> Result<(), Stop> {
        add(&self.progress, percent);
        Ok(())
    }

    async fn checkpoint(&self, handle: &str) -> Result<(), Stop> {
        add(&self.notes, handle.to_owned());
        Ok(())
    }
}
