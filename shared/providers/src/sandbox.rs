//! `sandbox`: a provider that draws by itself, without a network, an account or a cost.
//!
//! It computes an image from the prompt: the same prompt and seed give the same bytes on every machine. The
//! seed comes from the job and the image's index, so a job's images differ from one another, and another
//! attempt draws the same ones.
//!
//! # Switches
//!
//! A prompt may hold switches, to test every path of the platform by hand. They are removed before drawing;
//! a prompt may hold several, and unknown ones are ignored.
//!
//! | Switch | What the sandbox does |
//! |---|---|
//! | `[[slow:10]]` | waits 10 s before the first image, and reports progress meanwhile |
//! | `[[linger:10]]` | waits 10 s between the last image and its answer |
//! | `[[fail:2]]` | the first 2 attempts fail with a transient error, later ones work |
//! | `[[fail:forever]]` | every attempt fails with a transient error |
//! | `[[fail:operator]]` | fails as if the operator's account had no money |
//! | `[[limit:5]]` | asks the first attempt to retry in 5 s, as if at its rate limit |
//! | `[[refuse]]` | refuses because of the prompt's content, with a content warning |
//!
//! In a chat they have the same effect on the reply. A chat makes one attempt: `fail:1` equals
//! `fail:forever`.
//!
//! Seconds may have decimals; the maximum is 600. Like a real provider it rejects calls (`limit`,
//! `fail:operator`) at once, and refuses or fails only after its working time (`slow`). It gives up at the
//! task's deadline.

mod chat;
mod switches;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::images::{ContentWarning, ImageOrigin, Picture, Quality, Severity, Style, WarningKind};
use domain::providers::{
    CapacityLimits, ErrorClass, Finished, GeneratedImage, ImageProvider, ImageSink, ImageTask, ProviderError,
    Reason, Step, Unsupported,
};
use domain::{JobId, Timestamp};
use drawing::{Brief, Mood, draw};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

pub use switches::{Failure, Switches, parse};

/// Its name in jobs and in `order`.
pub const PROVIDER: &str = "sandbox";
/// The model in the origin of its images.
pub const MODEL: &str = "sandbox-1";
/// How often it reports progress while it waits.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// The progress after waiting, in percent; the rest is drawing.
const WAITING_SHARE: f64 = 60.0;

#[derive(Debug, Clone, Copy, Default)]
pub struct Sandbox;

#[async_trait]
impl ImageProvider for Sandbox {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    fn supports(&self, _: &Picture) -> Result<(), Unsupported> {
        Ok(())
    }

    fn max_paid_calls(&self, _: &ImageTask) -> u32 {
        1
    }

    fn capacity_limits(&self) -> Option<CapacityLimits> {
        None
    }

    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        let (switches, prompt) = parse(task.picture.prompt.as_str());
        reject(&switches, task.attempt)?;
        wait(switches.slow, task.deadline, Some(sink)).await?;
        fail(&switches, task.attempt)?;
        let waited = if switches.slow.is_zero() { 0.0 } else { WAITING_SHARE };
        for (done, &index) in task.missing.iter().enumerate() {
            let seed = seed(task.job, index);
            let bytes = paint(prompt.clone(), &task.picture, seed).await?;
            let origin = ImageOrigin {
                provider: PROVIDER.to_owned(),
                model: MODEL.to_owned(),
                revised_prompt: None,
                seed: Some(seed),
                cost_micros: 0,
            };
            sink.image(index, GeneratedImage { bytes, origin }).await?;
            let share = (done + 1) as f64 / task.missing.len() as f64;
            sink.progress((waited + (100.0 - waited) * share) as u8).await?;
        }
        wait(switches.linger, task.deadline, None).await?;
        Ok(Step::Finished(Finished::default()))
    }
}

/// Fails before any work is done.
fn reject(switches: &Switches, attempt: u32) -> Result<(), ProviderError> {
    if switches.failure == Some(Failure::Operator) {
        return Err(ProviderError::new(
            ErrorClass::Operator,
            Reason::QuotaExhausted,
            "the sandbox was told that its account has no money",
        ));
    }
    match switches.limit {
        Some(pause) if attempt <= 1 => Err(ProviderError::new(
            ErrorClass::Capacity,
            Reason::RateLimited,
            "the sandbox was told to have no room",
        )
        .retry_after(pause)),
        Some(_) | None => Ok(()),
    }
}

/// Fails instead of drawing.
fn fail(switches: &Switches, attempt: u32) -> Result<(), ProviderError> {
    if switches.refuse {
        let warning =
            ContentWarning { kind: WarningKind::Violence, severity: Severity::High, confidence: 0.99 };
        return Err(ProviderError::new(
            ErrorClass::Caller,
            Reason::Moderated,
            "the sandbox was told to refuse this prompt for its content",
        )
        .warnings(vec![warning]));
    }
    let failing = match switches.failure {
        Some(Failure::First(count)) => attempt <= count,
        Some(Failure::Forever) => true,
        Some(Failure::Operator) | None => false,
    };
    if failing {
        return Err(ProviderError::new(ErrorClass::Provider, Reason::Failed, "the sandbox was told to fail"));
    }
    Ok(())
}

/// Waits, but not beyond the deadline; reports progress to `sink`, if there is one.
async fn wait(
    time: Duration,
    deadline: Timestamp,
    sink: Option<&dyn ImageSink>,
) -> Result<(), ProviderError> {
    let left = u64::try_from(deadline.millis() - Timestamp::now().millis()).unwrap_or(0);
    let left = Duration::from_millis(left);
    let start = Instant::now();
    while start.elapsed() < time {
        if start.elapsed() >= left {
            return Err(ProviderError::new(
                ErrorClass::Provider,
                Reason::Timeout,
                "no answer before the deadline",
            ));
        }
        if let Some(sink) = sink {
            let share = start.elapsed().as_secs_f64() / time.as_secs_f64();
            sink.progress((WAITING_SHARE * share) as u8).await?;
        }
        let rest = time.min(left).saturating_sub(start.elapsed());
        // A millisecond more than the rest, since a timer may fire a little early.
        tokio::time::sleep(PROGRESS_INTERVAL.min(rest + Duration::from_millis(1))).await;
    }
    Ok(())
}

async fn paint(prompt: String, picture: &Picture, seed: u64) -> Result<Bytes, ProviderError> {
    let (width, height) = picture.size.pixels();
    let mood = match picture.style {
        Some(Style::Vivid) => Mood::Vivid,
        Some(Style::Natural) => Mood::Natural,
        None => Mood::Plain,
    };
    let detailed = picture.quality == Quality::Hd;
    // Drawing computes for up to some seconds, which would block every other task.
    let drawing = tokio::task::spawn_blocking(move || {
        draw(&Brief { prompt: &prompt, width, height, seed, mood, detailed })
    });
    let bytes = drawing
        .await
        .map_err(|error| {
            ProviderError::new(ErrorClass::Provider, Reason::Failed, format!("the painter stopped: {error}"))
        })?
        .map_err(|error| {
            ProviderError::new(
                ErrorClass::Provider,
                Reason::Failed,
                format!("the picture was not encoded: {error}"),
            )
        })?;
    Ok(Bytes::from(bytes))
}

/// The seed of one of a job's images. It has 32 bits, so that clients that read numbers as floats keep it
/// exact.
fn seed(job: JobId, index: u8) -> u64 {
    let digest = Sha256::new().chain_update(job.uuid().as_bytes()).chain_update([index]).finalize();
    digest[..4].iter().fold(0, |seed, &byte| (seed << 8) | u64::from(byte))
}

#[cfg(test)]
mod tests;
