//! When a job will probably be done.

use std::time::Duration;

use domain::images::Picture;
use domain::jobs::{EstimateStore, JobClass};
use tracing::warn;

/// How long a job for `picture` takes, by what the last ones took. An estimate is no reason to refuse
/// a job: where none can be had there is none.
pub async fn estimated_duration(estimates: &dyn EstimateStore, picture: &Picture) -> Option<Duration> {
    match estimates.estimate(JobClass::of(picture)).await {
        Ok(time) => time,
        Err(error) => {
            warn!(%error, "no estimate could be had");
            None
        }
    }
}
