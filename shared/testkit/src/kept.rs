//! A fake image sink.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use domain::providers::{GeneratedImage, ImageSink, Stop, WaitReason};

/// Records the images, progress and checkpoints that a provider under test reports.
#[derive(Debug, Default)]
pub struct Kept {
    images: Mutex<Vec<(u8, GeneratedImage)>>,
    progress: Mutex<Vec<u8>>,
    checkpoints: Mutex<Vec<String>>,
    more_calls: Mutex<Vec<(u32, bool)>>,
    waits: Mutex<Vec<WaitReason>>,
    full: bool,
}

fn all<T: Clone>(list: &Mutex<Vec<T>>) -> Vec<T> {
    list.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn add<T>(list: &Mutex<Vec<T>>, value: T) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(value);
}

impl Kept {
    /// Returns a sink that answers every image with [`Stop`].
    #[must_use]
    pub fn full() -> Self {
        Self { full: true, ..Self::default() }
    }

    /// Returns the images with their indexes, in the order of arrival.
    #[must_use]
    pub fn images(&self) -> Vec<(u8, GeneratedImage)> {
        all(&self.images)
    }

    /// Returns all reported percentages, in order.
    #[must_use]
    pub fn progress(&self) -> Vec<u8> {
        all(&self.progress)
    }

    /// Returns how many more calls were announced each time, and whether it was because of one image a call.
    #[must_use]
    pub fn more_calls(&self) -> Vec<(u32, bool)> {
        all(&self.more_calls)
    }

    /// Returns what the task has waited for, in order.
    #[must_use]
    pub fn waits(&self) -> Vec<WaitReason> {
        all(&self.waits)
    }

    /// Returns the task handles of all checkpoints, in order.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        all(&self.checkpoints)
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
        add(&self.checkpoints, handle.to_owned());
        Ok(())
    }

    async fn more_calls(&self, calls: u32, one_per_call: bool) -> Result<(), Stop> {
        add(&self.more_calls, (calls, one_per_call));
        Ok(())
    }

    fn waits_for(&self, reason: WaitReason) {
        add(&self.waits, reason);
    }
}
