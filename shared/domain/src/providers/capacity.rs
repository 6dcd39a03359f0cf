//! The capacity of one provider, shared by all workers and queues: how many calls run at the same time,
//! how many images start per minute, and whether the provider is called at all.
//!
//! A circuit breaker decides whether the provider is called:
//!
//! - Closed: calls are allowed. [`BREAKER_THRESHOLD`] failures within [`FAILURE_WINDOW`], without a success
//!   between them, open the breaker.
//! - Open: every call is denied. The breaker stays open for [`MIN_OPEN`] at first, and for twice as long
//!   after each failed trial, up to [`MAX_OPEN`]. An account problem opens it at once, for
//!   [`ACCOUNT_PAUSE`].
//! - Half-open: after that time one job gets a permit for a trial call, and all others are still denied. A
//!   success closes the breaker, and so does an answer about that one request. A failure opens it again. A
//!   trial call that ends without either lets the next job make one. A job that only looks for what a call of
//!   it has begun, and calls that began before the breaker opened, are no trial.
//!
//! New settings of the provider start with a closed breaker: what failed may be mended.
//!
//! A provider that reports that it has no capacity is also paused, but without a trial afterwards,
//! because it did not fail.
//!
//! The methods of [`ProviderCapacity`] are pure. The caller saves the row on the condition that it has
//! not changed since it was read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::primitives::id::JobId;
use crate::primitives::priority::Priority;
use crate::primitives::timestamp::Timestamp;
use crate::providers::denial::{DenialReason, Denied};
use crate::providers::error::ProviderError;
use crate::providers::error_policy::{ACCOUNT_PAUSE, BreakerEffect, CAPACITY_PAUSE};
use crate::providers::task::CapacityLimits;
use crate::providers::usual_durations::UsualDurations;

/// The window in which the images of a provider's rate limit are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// How many failures within [`FAILURE_WINDOW`], without a success between them, open the breaker.
pub const BREAKER_THRESHOLD: usize = 5;

/// How many failures a call counts as if it timed out after at least a minute.
pub const TIMEOUT_WEIGHT: usize = 3;

/// A call that times out after this time does more harm than a call that fails at once, because it blocks
/// a permit and a worker.
const SLOW_CALL: Duration = Duration::from_secs(60);

/// The window in which failures are counted: longer than two consecutive calls that hang.
pub const FAILURE_WINDOW: Duration = Duration::from_secs(900);

/// How long the breaker stays open the first time. Each failed trial doubles this time.
pub const MIN_OPEN: Duration = Duration::from_secs(30);

/// The maximum time for which failed trials keep the breaker open.
pub const MAX_OPEN: Duration = Duration::from_secs(600);

/// When to ask again for a permit if all permits are in use.
const PERMIT_POLL: Duration = Duration::from_secs(2);

/// How long images of the rate limit stay reserved for a job that found too few.
const RESERVATION_TTL: Duration = Duration::from_secs(120);

/// How long it is remembered that a provider makes one image a call. A newer version of it may make several.
pub const ONE_PER_CALL_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// The capacity of one provider that is in use, and the state of its circuit breaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderCapacity {
    pub provider: String,
    /// How often the row was written. The next write succeeds only if the row still has this revision.
    pub revision: u64,
    /// The jobs that the provider is working on.
    #[serde(default)]
    permits: Vec<Permit>,
    /// When images were started in the last minute, one entry for each image.
    #[serde(default)]
    image_starts: Vec<Timestamp>,
    /// The job for which images of the next minute are reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reservation: Option<Reservation>,
    /// The failures since the last success.
    #[serde(default)]
    failures: Vec<Timestamp>,
    /// How often failures opened the breaker since the last success.
    #[serde(default)]
    times_opened: u32,
    /// `None` while the breaker is closed. Before `until` it is open, afterwards half-open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<Denied>,
    /// The settings with which the provider was last called; the breaker's state is about these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settings: Option<SettingsVersion>,
    /// How long its calls usually take.
    #[serde(default, skip_serializing_if = "UsualDurations::is_empty")]
    pub usual: UsualDurations,
    /// Until when the provider is asked for one image a call, because it made one of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    one_per_call_until: Option<Timestamp>,
}

/// A concurrency permit of a job. It expires by itself, in case its worker dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Permit {
    job: JobId,
    /// When the call to the provider began.
    since: Timestamp,
    until: Timestamp,
    low: bool,
    /// Whether the call has returned, and the job only looks for what it began: a task, or a picture behind a
    /// URL. That may last an hour.
    #[serde(default)]
    looks: bool,
}

/// Images of the rate limit that are reserved for a job with several images. Without a reservation, jobs
/// with one image could overtake it forever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reservation {
    job: JobId,
    images: usize,
    until: Timestamp,
}

/// Tells one version of a provider's settings from another. Only equality has a meaning.
pub type SettingsVersion = u16;

/// A job's request for a permit.
#[derive(Debug, Clone, Copy)]
pub struct PermitRequest {
    pub job: JobId,
    pub priority: Priority,
    /// The number of images that the call will make.
    pub images: u32,
    /// When the permit expires: later than its holder can live.
    pub until: Timestamp,
    /// The settings with which the provider is called. `None` if they cannot change.
    pub settings: Option<SettingsVersion>,
}

impl ProviderCapacity {
    /// Returns the capacity of a provider that was never called: nothing in use, breaker closed.
    #[must_use]
    pub fn new(provider: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            revision: 0,
            permits: Vec::new(),
            image_starts: Vec::new(),
            reservation: None,
            failures: Vec::new(),
            times_opened: 0,
            open: None,
            settings: None,
            usual: UsualDurations::default(),
            one_per_call_until: None,
        }
    }

    /// Whether the provider was last called with other settings than these, which may be newer.
    #[must_use]
    pub fn has_other_settings(&self, settings: Option<SettingsVersion>) -> bool {
        self.settings.is_some() && settings.is_some() && self.settings != settings
    }

    /// Closes the breaker if these settings are not those that it is about.
    fn adopt(&mut self, settings: Option<SettingsVersion>) {
        if settings.is_some() && self.settings != settings {
            self.settings = settings;
            // They may name another service.
            self.one_per_call_until = None;
            self.close_breaker();
        }
    }

    fn close_breaker(&mut self) {
        self.failures.clear();
        self.times_opened = 0;
        self.open = None;
    }

    /// Whether the provider makes one image a call, however many it is asked for.
    #[must_use]
    pub fn makes_one_per_call(&self, now: Timestamp) -> bool {
        self.one_per_call_until.is_some_and(|until| until > now)
    }

    /// Remembers for [`ONE_PER_CALL_TTL`] that the provider made one image of several.
    pub fn made_one_of_several(&mut self, now: Timestamp) {
        self.one_per_call_until = Some(now + ONE_PER_CALL_TTL);
    }

    /// Acquires a permit. If the job already has a permit, that permit is extended.
    ///
    /// # Errors
    ///
    /// [`Denied`] if there is no free permit, the rate is exceeded, or the breaker does not allow the
    /// call.
    pub fn acquire(
        &mut self,
        request: &PermitRequest,
        limits: CapacityLimits,
        now: Timestamp,
    ) -> Result<(), Denied> {
        self.adopt(request.settings);
        self.permits.retain(|permit| permit.until > now);
        self.image_starts.retain(|at| *at + MINUTE > now);
        let others = self.permits.iter().filter(|permit| permit.job != request.job).count();
        if let Some(open) = self.open {
            if open.until > now {
                return Err(open);
            }
            // Half-open: one job makes a trial call, and the others are denied until its outcome is known. Only
            // a call that began after that time is the trial: the others say nothing about the service now.
            let is_trial =
                |permit: &&Permit| permit.job != request.job && permit.since >= open.until && !permit.looks;
            if open.reason != DenialReason::RetryAfter
                && let Some(trial) = self.permits.iter().find(is_trial)
            {
                return Err(Denied { until: trial.until.min(now + MIN_OPEN), reason: open.reason });
            }
        }
        let low = request.priority == Priority::Low;
        let max_permits = usize::try_from(limits.max_concurrent).unwrap_or(usize::MAX).max(1);
        let others_low = self.permits.iter().filter(|permit| permit.job != request.job && permit.low).count();
        if others >= max_permits || low && others_low >= (max_permits / 2).max(1) {
            return Err(Denied { until: now + PERMIT_POLL, reason: DenialReason::NoPermit });
        }
        self.check_rate(request, limits.images_per_minute, now)?;
        self.permits.retain(|permit| permit.job != request.job);
        self.permits.push(Permit { job: request.job, since: now, until: request.until, low, looks: false });
        Ok(())
    }

    fn check_rate(
        &mut self,
        request: &PermitRequest,
        images_per_minute: Option<u32>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let Some(most) = images_per_minute.and_then(|most| usize::try_from(most).ok()) else { return Ok(()) };
        let most = most.max(1);
        // A job with more images than the limit of a minute proceeds once it has the whole minute for
        // itself.
        let images = usize::try_from(request.images).unwrap_or(usize::MAX).min(most);
        self.reservation = self.reservation.filter(|reservation| reservation.until > now);
        let reserved = match self.reservation {
            Some(reservation) if reservation.job != request.job && request.priority != Priority::High => {
                reservation.images
            }
            Some(_) | None => 0,
        };
        let over = (self.image_starts.len() + images + reserved).saturating_sub(most);
        if let Some(missing) = over.checked_sub(1) {
            if images > 1 {
                self.reservation.get_or_insert(Reservation {
                    job: request.job,
                    images,
                    until: now + RESERVATION_TTL,
                });
            }
            // When enough images have left the one-minute window. A job that is denied because of another
            // job's reservation asks again when the last counted image leaves it.
            let freed = self.image_starts.get(missing).or(self.image_starts.last()).map(|at| *at + MINUTE);
            return Err(Denied {
                until: freed.unwrap_or(now + PERMIT_POLL),
                reason: DenialReason::RateExceeded,
            });
        }
        self.reservation = self.reservation.filter(|reservation| reservation.job != request.job);
        self.image_starts.extend(std::iter::repeat_n(now, images));
        // The clocks of workers differ.
        self.image_starts.sort();
        Ok(())
    }

    /// Returns the current reservation. If it changed, the caller saves the row even though no permit was
    /// acquired.
    #[must_use]
    pub const fn reservation(&self) -> Option<Reservation> {
        self.reservation
    }

    /// Extends the permit of a job until `until`: its call, which began at `since`, has returned, and the job
    /// looks for what it began. A trial has ended with that, without an outcome.
    pub fn extend(&mut self, job: JobId, since: Timestamp, until: Timestamp) {
        match self.permits.iter_mut().find(|permit| permit.job == job) {
            Some(permit) => (permit.until, permit.looks) = (until, true),
            None => self.permits.push(Permit { job, since, until, low: false, looks: true }),
        }
    }

    /// Releases the permit of a job, and updates the breaker according to the outcome of the call, which
    /// was made with `settings`.
    pub fn release(
        &mut self,
        job: JobId,
        outcome: Result<(), &ProviderError>,
        settings: Option<SettingsVersion>,
        now: Timestamp,
    ) {
        let since = self.permits.iter().find(|permit| permit.job == job).map(|permit| permit.since);
        self.permits.retain(|permit| permit.job != job);
        if self.has_other_settings(settings) {
            return;
        }
        // No call is allowed while the breaker is open. A call that began before the end of that time
        // therefore began before the breaker opened, and its outcome is outdated.
        let outdated = self.open.is_some_and(|open| since.is_none_or(|since| since < open.until));
        match outcome.map_or_else(|error| error.policy().breaker, |()| BreakerEffect::Works) {
            BreakerEffect::Works if !outdated => self.close_breaker(),
            // Failures before this answer still count, unless it was the trial that ends them.
            BreakerEffect::Answered if !outdated && self.open.is_some() => self.close_breaker(),
            BreakerEffect::Failed if !outdated => self.record_failure(1, now),
            BreakerEffect::Hung if !outdated => {
                let long = since.is_some_and(|since| now.since(since) >= SLOW_CALL);
                self.record_failure(if long { TIMEOUT_WEIGHT } else { 1 }, now);
            }
            BreakerEffect::Pauses => {
                let pause = outcome.err().and_then(|error| error.retry_after).unwrap_or(CAPACITY_PAUSE);
                self.open_breaker(now + pause, DenialReason::RetryAfter);
            }
            BreakerEffect::Account => self.open_breaker(now + ACCOUNT_PAUSE, DenialReason::Account),
            BreakerEffect::None
            | BreakerEffect::Works
            | BreakerEffect::Answered
            | BreakerEffect::Failed
            | BreakerEffect::Hung => {}
        }
    }

    fn record_failure(&mut self, count: usize, now: Timestamp) {
        self.failures.retain(|at| *at + FAILURE_WINDOW > now);
        self.failures.extend(std::iter::repeat_n(now, count));
        let trial = self.open.is_some_and(|open| open.reason != DenialReason::RetryAfter);
        if trial || self.failures.len() >= BREAKER_THRESHOLD {
            self.failures.clear();
            self.open_breaker(
                now + (MIN_OPEN * 2u32.pow(self.times_opened.min(8))).min(MAX_OPEN),
                DenialReason::BreakerOpen,
            );
            self.times_opened += 1;
        }
    }

    /// Opens the breaker until `until`. A call that was in progress when the breaker opened must not
    /// shorten that time.
    fn open_breaker(&mut self, until: Timestamp, reason: DenialReason) {
        if self.open.is_none_or(|open| open.until < until) {
            self.open = Some(Denied { until, reason });
        }
    }
}

#[cfg(test)]
mod tests;
