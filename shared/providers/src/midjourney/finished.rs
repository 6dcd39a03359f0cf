//! The images of a finished task, from the proxy's links to the sink.
//!
//! A finished task is paid for. As long as its picture cannot be had, the task is looked at again, because its
//! link may come or change; no other task is submitted in its place.

use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use domain::providers::{ErrorClass, GeneratedImage, ImageSink, ImageTask, ProviderError, Reason, Step};
use egress::DownloadLimits;
use pictures::decode::MAX_IMAGE_BYTES;
use pictures::error::ImageError;
use pictures::grid::quarters;

use super::task::Pictures;
use super::{Midjourney, Submitted, call_timeout};
use crate::call::Answer;
use crate::picture_urls::{LAG, Undelivered};

const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a finished grid is looked at again whose picture is not there, or is none.
const LOOK_AGAIN: Duration = Duration::from_secs(5 * 60);

impl Midjourney {
    /// Delivers those of the `missing` images of a finished grid that can be had, and takes them off the list.
    /// Returns why the others cannot be had now.
    pub(super) async fn deliver(
        &self,
        task: &ImageTask,
        missing: &mut Vec<u8>,
        pictures: &Pictures,
        sink: &dyn ImageSink,
    ) -> Result<Option<Undelivered>, ProviderError> {
        let mut undelivered: Option<Undelivered> = None;
        match pictures {
            Pictures::None => {
                undelivered = Some(Undelivered::not_there_yet("a task that is done, but without a picture"))
            }
            Pictures::One(link) => match self.quarters(task, link, missing).await {
                Ok(images) => {
                    for (index, bytes) in missing.drain(..).zip(images) {
                        self.store(task, index, bytes, sink).await?;
                    }
                }
                Err(image) => undelivered = Some(image),
            },
            Pictures::Each(links) => {
                for index in std::mem::take(missing) {
                    match self.linked(task, links.get(usize::from(index))).await {
                        Ok(bytes) => self.store(task, index, bytes, sink).await?,
                        Err(image) => {
                            missing.push(index);
                            // The one that may still come for the longest time decides.
                            if undelivered.as_ref().is_none_or(|other| other.again_for < image.again_for) {
                                undelivered = Some(image);
                            }
                        }
                    }
                }
            }
        }
        Ok(undelivered)
    }

    /// The `missing` images, cut out of the grid.
    async fn quarters(
        &self,
        task: &ImageTask,
        link: &str,
        missing: &[u8],
    ) -> Result<Vec<Bytes>, Undelivered> {
        let grid = self.download(task, link).await?;
        let images = quarters(grid, missing.to_vec(), task.picture.size.pixels()).await;
        images.map_err(|problem| unusable(&problem))
    }

    async fn linked(&self, task: &ImageTask, link: Option<&String>) -> Result<Bytes, Undelivered> {
        self.download(task, link.ok_or_else(|| Undelivered::not_there_yet("a picture is missing"))?).await
    }

    pub(super) async fn store(
        &self,
        task: &ImageTask,
        index: u8,
        bytes: Bytes,
        sink: &dyn ImageSink,
    ) -> Result<(), ProviderError> {
        let origin = self.origin(&task.picture, index == 0);
        Ok(sink.image(index, GeneratedImage { bytes, origin }).await?)
    }

    /// The image of a finished upscale.
    pub(super) async fn upscaled(&self, task: &ImageTask, pictures: &Pictures) -> Result<Bytes, Undelivered> {
        let link = match pictures {
            Pictures::None => None,
            Pictures::One(link) => Some(link),
            Pictures::Each(links) => links.first(),
        };
        self.download(
            task,
            link.ok_or_else(|| Undelivered::not_there_yet("an upscale that is done, but without a picture"))?,
        )
        .await
    }

    /// Downloads an image as soon as its link is known, because links expire within a day.
    async fn download(&self, task: &ImageTask, link: &str) -> Result<Bytes, Undelivered> {
        let url = self
            .urls
            .url(link)
            .ok_or_else(|| Undelivered::not_there_yet("the address of a picture is no URL"))?;
        let timeout = DOWNLOAD_TIMEOUT.min(call_timeout(task));
        self.urls.get(&url, DownloadLimits { max_bytes: MAX_IMAGE_BYTES, timeout }).await
    }

    /// The next look at a grid whose picture could not be had, or the failure if there was time enough for it.
    pub(super) async fn look_again(
        &self,
        image: Undelivered,
        grid: Submitted<'_>,
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        let done = grid.done.unwrap_or_else(|| Timestamp::now().millis());
        let step = self.again(image, done, LOOK_AGAIN, sink)?;
        if grid.done.is_none() {
            sink.checkpoint(&Submitted { done: Some(done), lost: None, ..grid }.to_json()).await?;
        }
        Ok(step)
    }

    /// The same for an upscale, whose grid was finished at `since`.
    pub(super) fn look_at_upscale_again(
        &self,
        image: Undelivered,
        since: i64,
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        self.again(image, since, self.settings.timeout(), sink)
    }

    fn again(
        &self,
        mut image: Undelivered,
        since: i64,
        at_least: Duration,
        sink: &dyn ImageSink,
    ) -> Result<Step, ProviderError> {
        if !image.again_for.is_zero() {
            image.again_for = image.again_for.max(at_least);
        }
        match image.again(Timestamp::from_millis(since), sink) {
            Some(pause) => Ok(Step::Pending { poll_after: pause.max(self.settings.speed.poll_interval()) }),
            // Another task would be paid for too, and its picture would be no better.
            None => Err(ProviderError {
                class: ErrorClass::Caller,
                reason: Reason::BadResponse,
                ..image.failure.possibly_paid()
            }),
        }
    }
}

fn unusable(problem: &ImageError) -> Undelivered {
    let again_for = match problem {
        // It stays that large.
        ImageError::TooLarge => Duration::ZERO,
        ImageError::UnsupportedFormat | ImageError::Corrupt(_) => LAG,
    };
    Undelivered { failure: Answer::unusable(&problem.to_string()), again_for, forbidden: false }
}
