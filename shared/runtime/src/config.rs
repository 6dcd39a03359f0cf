//! Settings from the environment, read once per cold start.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use domain::jobs::{JobPolicy, WebhookUrlPolicy};
use domain::webhooks::TimeScale;

/// A setting is missing or is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {name}: {problem}")]
pub struct BadSetting {
    name: &'static str,
    problem: String,
}

/// The setting `name`, which must be there.
///
/// # Errors
///
/// [`BadSetting`] if it is missing or does not parse.
pub fn required<T: FromStr<Err: Display>>(name: &'static str) -> Result<T, BadSetting> {
    let text = std::env::var(name).map_err(|error| BadSetting { name, problem: error.to_string() })?;
    text.parse().map_err(|error: T::Err| BadSetting { name, problem: error.to_string() })
}

/// The setting `name` as a number of `unit`s.
///
/// # Errors
///
/// [`BadSetting`] if it is missing or no whole number.
pub fn duration(name: &'static str, unit: Duration) -> Result<Duration, BadSetting> {
    Ok(unit.saturating_mul(required::<u32>(name)?))
}

/// How jobs live, as the template's parameters say.
///
/// # Errors
///
/// [`BadSetting`].
pub fn job_policy() -> Result<JobPolicy, BadSetting> {
    let (second, hour, day) =
        (Duration::from_secs(1), Duration::from_secs(3600), Duration::from_secs(24 * 3600));
    Ok(JobPolicy {
        requeue_after: duration("REQUEUE_AFTER_SECONDS", second)?,
        max_failures: required("MAX_FAILURES")?,
        lifetime: duration("JOB_LIFETIME_HOURS", hour)?,
        keep_images: duration("IMAGE_RETENTION_DAYS", day)?,
        keep_jobs: duration("JOB_RETENTION_DAYS", day)?,
    })
}

/// Where webhooks may go. Only the local launcher sets this variable; the template has no parameter for it.
#[must_use]
pub fn webhook_url_policy() -> WebhookUrlPolicy {
    match std::env::var("SEMANTEST_LOCAL_WEBHOOKS").as_deref() {
        Ok("1") => WebhookUrlPolicy::AllowLoopbackHttp,
        Ok(_) | Err(_) => WebhookUrlPolicy::HttpsOnly,
    }
}

/// How fast the clock of webhooks runs. Only the local launcher sets this variable, and only for tests;
/// the template has no parameter for it.
#[must_use]
pub fn webhook_time_scale() -> TimeScale {
    let faster = std::env::var("SEMANTEST_LOCAL_WEBHOOK_TEMPO").ok();
    faster.and_then(|times| times.parse().ok()).map_or(TimeScale::REAL, TimeScale::times)
}
