//! Stores each image as soon as its provider delivers it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use app::backoff::Backoff;
use async_trait::async_trait;
use aws::keys;
use bytes::Bytes;
use domain::images::{ImageFormat, ImageOrigin, StoredImage};
use domain::jobs::WebhookEvent;
use domain::primitives::{ImageId, Lease, sha256_hex};
use domain::providers::{GeneratedImage, ImageSink, ProviderError, SettingsVersion, Stop, WaitReason};
use domain::store::StoreError;
use domain::{Job, Timestamp};
use pictures::error::ImageError;
use pictures::prepare::prepare;
use tracing::{info, warn};

use crate::Deps;

/// Why the worker stops the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The job has ended, or another worker holds it.
    JobGone,
    /// The bytes are not a usable image.
    BadImage(String),
}

/// Why an image could not be stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreImageError {
    #[error("{0}")]
    BadImage(#[from] ImageError),
    #[error("the store did not take it")]
    NotStored,
}

pub(crate) struct Sink<'a> {
    deps: &'a Deps<'a>,
    lease: Option<Lease>,
    prefix: String,
    size: (u32, u32),
    wanted: u8,
    until: Timestamp,
    storing: AtomicUsize,
    state: Mutex<State>,
    /// Locked while the row is written, so that progress is written in order.
    row: tokio::sync::Mutex<Job>,
}

/// Whether a failed write is repeated until the time is up.
#[derive(Debug, Clone, Copy)]
enum Insist {
    Yes,
    No,
}

/// Counts an image that is being stored, until it is dropped: also if the provider gives up the call half-way.
struct Storing<'a>(&'a AtomicUsize);

impl<'a> Storing<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct State {
    stored: Vec<StoredImage>,
    stopped: Option<Stopped>,
    /// Whether an image that is paid for could not be stored.
    lost: bool,
    /// Whether a call made one image of several.
    one_per_call: bool,
    /// What the task waits for while its provider is not at work on it.
    waiting_for: Option<WaitReason>,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(deps: &'a Deps<'a>, job: &Job, until: Timestamp) -> Self {
        Self {
            deps,
            lease: job.lease,
            prefix: job.storage_prefix.clone(),
            size: job.picture.size.pixels(),
            wanted: job.picture.count.get(),
            until,
            storing: AtomicUsize::new(0),
            state: Mutex::default(),
            row: tokio::sync::Mutex::new(job.clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row as this worker last read or wrote it.
    pub(crate) async fn job(&self) -> Job {
        self.row.lock().await.clone()
    }

    /// Writes the attempt before the provider is called, so that a job that was cancelled meanwhile costs
    /// nothing.
    pub(crate) async fn begin_attempt(&self, provider: &str, calls: u32) -> Result<(), Stop> {
        let now = Timestamp::now();
        self.write(Insist::Yes, None, |job| job.begin_attempt(provider, calls, now)).await
    }

    /// Takes back the attempt that was begun last; the next write of the row saves it.
    pub(crate) async fn withdraw_attempt(&self) {
        self.row.lock().await.withdraw_attempt();
    }

    /// Records how an attempt ended; the next write of the row saves it.
    pub(crate) async fn end_attempt(
        &self,
        failure: Option<&ProviderError>,
        useless_answers: u32,
        settings: Option<SettingsVersion>,
    ) {
        self.row.lock().await.end_attempt(failure, useless_answers, settings, Timestamp::now());
    }

    /// Whether an image that arrived could not be stored. Resets the flag.
    pub(crate) fn take_lost(&self) -> bool {
        std::mem::take(&mut self.state().lost)
    }

    /// What was wrong with an image that arrived. Resets it, because another provider may deliver a better
    /// one.
    pub(crate) fn take_bad_image(&self) -> Option<String> {
        let stopped = &mut self.state().stopped;
        match stopped.take() {
            Some(Stopped::BadImage(problem)) => Some(problem),
            other => {
                *stopped = other;
                None
            }
        }
    }

    /// Whether a call of the provider made one image of several. Resets the flag.
    pub(crate) fn makes_one_per_call(&self) -> bool {
        std::mem::take(&mut self.state().one_per_call)
    }

    /// What the task waits for, if its provider is not at work on it.
    pub(crate) fn waiting_for(&self) -> Option<WaitReason> {
        self.state().waiting_for
    }

    /// Whether an image that has arrived is still being stored.
    pub(crate) fn is_storing(&self) -> bool {
        self.storing.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn stopped(&self) -> Option<Stopped> {
        self.state().stopped.clone()
    }

    /// The stored images, ordered by index.
    pub(crate) fn stored(&self) -> Vec<StoredImage> {
        let mut stored = self.state().stored.clone();
        stored.sort_by_key(|image| image.index);
        stored
    }

    /// The indexes of the images that are not stored yet.
    pub(crate) fn missing(&self) -> Vec<u8> {
        let state = self.state();
        (0..self.wanted).filter(|index| !state.stored.iter().any(|image| image.index == *index)).collect()
    }

    fn stop(&self, why: Stopped) -> Stop {
        self.state().stopped.get_or_insert(why);
        Stop
    }

    /// Stores image `index` in the requested size together with its thumbnail, and records it. With
    /// `already_stored` the image itself is stored only if it had to be re-encoded.
    pub(crate) async fn store_image(
        &self,
        index: u8,
        bytes: Bytes,
        origin: ImageOrigin,
        already_stored: bool,
    ) -> Result<(), StoreImageError> {
        let prepared = prepare(bytes, self.size).await?;
        let image = prepared.image;
        let key = keys::image(&self.prefix, index, image.format);
        if !already_stored || prepared.reencoded_from.is_some() {
            // This comes first: from here on the image is safe even if this function dies.
            self.put(&key, image.bytes.clone(), image.format, Some(&origin)).await?;
            info!(index, bytes = image.bytes.len(), reencodedFrom = ?prepared.reencoded_from, "image stored");
        }
        let small = prepared.thumbnail;
        let thumbnail_key = keys::thumbnail(&self.prefix, index, small.format);
        self.put(&thumbnail_key, small.bytes, small.format, None).await?;
        let (width, height) = self.size;
        let mut state = self.state();
        // If a provider delivers an image twice, both have the same key, and the last one counts.
        state.stored.retain(|image| image.index != index);
        state.stored.push(StoredImage {
            id: ImageId::new(),
            index,
            key,
            thumbnail_key,
            format: image.format,
            width,
            height,
            size_bytes: image.bytes.len() as u64,
            sha256: sha256_hex(&image.bytes),
            origin,
        });
        Ok(())
    }

    /// Stores an object, and repeats a failed write until the time is up, because the image is paid for.
    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        format: ImageFormat,
        origin: Option<&ImageOrigin>,
    ) -> Result<(), StoreImageError> {
        let mut backoff = Backoff::until(self.until);
        while let Err(error) = self.deps.images.put(key, bytes.clone(), format, origin).await {
            warn!(%error, "an image could not be stored; trying again");
            if !backoff.pause(&error).await {
                return Err(StoreImageError::NotStored);
            }
        }
        Ok(())
    }

    /// Applies `change` to the row and saves it, with the webhook for `event` if the client subscribed to it.
    ///
    /// # Errors
    ///
    /// If the job was cancelled or another worker holds it (a conflict shows that), or if the time is up.
    async fn write(
        &self,
        insist: Insist,
        event: Option<WebhookEvent>,
        change: impl Fn(&mut Job),
    ) -> Result<(), Stop> {
        let mut row = self.row.lock().await;
        let mut backoff = Backoff::until(self.until);
        loop {
            let mut next = row.clone();
            change(&mut next);
            if next == *row {
                return Ok(());
            }
            let webhook = event.and_then(|event| next.delivery(event, Timestamp::now()));
            let error = match self.deps.jobs.save(&mut next, webhook.as_ref()).await {
                Ok(()) => {
                    *row = next;
                    return Ok(());
                }
                Err(StoreError::Conflict) => match self.deps.jobs.load(row.id).await {
                    Ok(Some(current)) if !current.status.ended() && current.lease == self.lease => {
                        *row = current.with_holder_state(&row);
                        continue;
                    }
                    Ok(_) => return Err(self.stop(Stopped::JobGone)),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            warn!(%error, "the row could not be written");
            match insist {
                Insist::No => return Ok(()),
                Insist::Yes if backoff.pause(&error).await => {}
                Insist::Yes => return Err(Stop),
            }
        }
    }

    async fn report(&self, percent: u8) -> Result<(), Stop> {
        let now = Timestamp::now();
        self.write(Insist::No, Some(WebhookEvent::Progress), |job| job.report_progress(percent, now)).await
    }
}

#[async_trait]
impl ImageSink for Sink<'_> {
    async fn image(&self, index: u8, image: GeneratedImage) -> Result<(), Stop> {
        let storing = Storing::begin(&self.storing);
        let stored = self.store_image(index, image.bytes, image.origin, false).await;
        drop(storing);
        stored.map_err(|error| match error {
            StoreImageError::NotStored => {
                self.state().lost = true;
                Stop
            }
            StoreImageError::BadImage(_) => self.stop(Stopped::BadImage(error.to_string())),
        })?;
        let stored = self.state().stored.len();
        self.report((stored * 100 / usize::from(self.wanted.max(1))) as u8).await
    }

    async fn progress(&self, percent: u8) -> Result<(), Stop> {
        self.report(percent).await
    }

    async fn checkpoint(&self, handle: &str) -> Result<(), Stop> {
        self.write(Insist::Yes, None, |job| job.checkpoint(handle)).await
    }

    async fn more_calls(&self, calls: u32, one_per_call: bool) -> Result<(), Stop> {
        self.state().one_per_call |= one_per_call;
        self.write(Insist::Yes, None, |job| job.add_calls(calls)).await?;
        info!(calls, one_per_call, "provider called for the rest");
        Ok(())
    }

    fn waits_for(&self, reason: WaitReason) {
        self.state().waiting_for = Some(reason);
    }
}
