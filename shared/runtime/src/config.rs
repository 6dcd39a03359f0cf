//! Settings from environment variables, read once per cold start.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use domain::jobs::{JobPolicy, WebhookUrlPolicy};
use domain::webhooks::TimeScale;

/// A setting is missing or invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {name}: {problem}")]
pub struct BadSetting {
    name: &'static str,
    problem: String,
}

/// Reads the required setting `name`.
///
/// # Errors
///
/// [`BadSetting`] if it is missing or does not parse.
pub fn required<T: FromStr<Err: Display>>(name: &'static str) -> Result<T, BadSetting> {
    let text = std::env::var(name).map_err(|error| BadSetting { name, problem: error.to_string() })?;
    text.parse().map_err(|error: T::Err| BadSetting { name, problem: error.to_string() })
}

/// Reads the required setting `name` as a number of `unit`s.
///
/// # Errors
///
/// [`BadSetting`] if it is missing or not a whole number.
pub fn duration(name: &'static str, unit: Duration) -> Result<Duration, BadSetting> {
    Ok(unit.saturating_mul(required::<u32>(name)?))
}

/// Reads the job policy from the variables that the template's parameters set.
///
/// # Errors
///
/// [`BadSetting`] if a variable is missing or invalid.
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

/// Reads the policy for webhook URLs, HTTPS only by default. Only the local launcher sets the variable; the
/// template has no parameter for it.
#[must_use]
pub fn webhook_url_policy() -> WebhookUrlPolicy {
    match std::env::var("SEMANTEST_LOCAL_WEBHOOKS").as_deref() {
        Ok("1") => WebhookUrlPolicy::AllowLoopbackHttp,
        Ok(_) | Err(_) => WebhookUrlPolicy::HttpsOnly,
    }
}

/// Reads the time scale of webhooks, real time by default. Only the local launcher sets the variable, and
/// only for tests; the template has no parameter for it.
#[must_use]
pub fn webhook_time_scale() -> TimeScale {
    let scale = std::env::var("SEMANTEST_LOCAL_WEBHOOK_TIME_SCALE").ok();
    scale.and_then(|times| times.parse().ok()).map_or(TimeScale::REAL, TimeScale::times)
}
