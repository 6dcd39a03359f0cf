//! Estimates the duration of a job.

use std::time::Duration;

use domain::images::Picture;
use domain::jobs::{EstimateStore, JobClass};
use tracing::warn;

/// Estimates how long a job for `picture` takes, from recent jobs of its class. If the store fails, there is
/// no estimate: a missing estimate is no reason to refuse a job.
pub async fn estimated_duration(estimates: &dyn EstimateStore, picture: &Picture) -> Option<Duration> {
    match estimates.estimate(JobClass::of(picture)).await {
        Ok(estimate) => estimate,
        Err(error) => {
            warn!(%error, "the estimate could not be read");
            None
        }
    }
}
