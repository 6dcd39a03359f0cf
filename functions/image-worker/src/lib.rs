//! Makes the images of a job.
//!
//! The row decides everything; a message only wakes a worker. The function may die between any two lines, and
//! the sweeper wakes another worker once the lease has lapsed.

mod failover;
mod finish;
mod metrics;
mod partial;
mod permits;
mod provider_call;
mod recovery;
mod run;
mod sink;

use std::time::Duration;

use domain::images::ImageStore;
use domain::jobs::{Admission, EstimateStore, JobMessage, JobPolicy, JobQueue, JobStore, WebhookEvent};
use domain::primitives::{Lease, LeaseId};
use domain::providers::{CapacityStore, ProviderStatusStore};
use domain::store::StoreError;
use domain::{Error, Job, JobId, Timestamp};
use providers::CurrentRegistry;
use tracing::{info, warn};

/// The ports and settings of the worker.
pub struct Deps<'a> {
    pub jobs: &'a dyn JobStore,
    pub queue: &'a dyn JobQueue,
    pub images: &'a dyn ImageStore,
    pub providers: &'a CurrentRegistry<'a>,
    pub capacity: &'a dyn CapacityStore,
    pub estimates: &'a dyn EstimateStore,
    pub provider_statuses: &'a dyn ProviderStatusStore,
    pub policy: JobPolicy,
    /// How long a lease lasts after this function's deadline.
    pub lease_margin: Duration,
}

/// How often a worker reads the row again after a write conflict.
const MAX_CONFLICT_RETRIES: u32 = 10;

/// Handles one message. `deadline` is the time at which Lambda ends this function.
///
/// # Errors
///
/// If a store did not answer. The message is then received again, or the sweeper sends another.
pub async fn handle(deps: &Deps<'_>, message: JobMessage, deadline: Timestamp) -> Result<(), Error> {
    let JobMessage::V1 { job_id, .. } = message;
    let Some((job, purpose)) = start(deps, job_id, deadline).await? else { return Ok(()) };
    info!(attempt = job.attempts, failures = job.failures, ?purpose, "job started");
    run::run(deps, job, purpose, deadline).await
}

/// Why a job was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To generate its images.
    Generate,
    /// To end it with the images that a dead worker stored, and those of a pending task that is paid for.
    RecoverOnly,
}

/// Leases the job to this worker; `None` if there is nothing to do for it.
async fn start(deps: &Deps<'_>, id: JobId, deadline: Timestamp) -> Result<Option<(Job, Purpose)>, Error> {
    let lease = Lease { id: LeaseId::new(), until: deadline + deps.lease_margin };
    for _ in 0..MAX_CONFLICT_RETRIES {
        let Some(mut job) = deps.jobs.load(id).await? else {
            warn!("the message names a job that does not exist or has expired");
            return Ok(None);
        };
        let now = Timestamp::now();
        let admission = job.admission(now, &deps.policy);
        let mut purpose = None;
        // How many calls of a dead worker were possibly paid without a result.
        let possibly_paid;
        let event = match admission {
            Admission::Run | Admission::RecoverOnly => {
                purpose =
                    Some(if admission == Admission::Run { Purpose::Generate } else { Purpose::RecoverOnly });
                let first = job.started_at.is_none();
                let in_flight = job.paid_calls_in_flight();
                job.start(lease, now).map_err(Error::internal)?;
                possibly_paid = in_flight.filter(|_| job.open_attempt().is_none());
                first.then_some(WebhookEvent::Started)
            }
            Admission::Expired | Admission::Exhausted => {
                let error = job.ending_error(now);
                possibly_paid = job.paid_calls_in_flight();
                job.fail(error, now).map_err(Error::internal)?;
                Some(WebhookEvent::Failed)
            }
            Admission::Ended | Admission::Leased | Admission::TooEarly => {
                info!(?admission, "nothing to do for this job");
                return Ok(None);
            }
        };
        let webhook = event.and_then(|event| job.delivery(event, now));
        let saved = deps.jobs.save(&mut job, webhook.as_ref()).await;
        if let (Ok(()), Some(calls)) = (&saved, possibly_paid) {
            metrics::record_possibly_paid(calls);
        }
        match (saved, purpose) {
            (Ok(()), Some(purpose)) => return Ok(Some((job, purpose))),
            (Ok(()), None) => {
                info!(?admission, "job failed");
                return Ok(None);
            }
            (Err(StoreError::Conflict), _) => {}
            (Err(error), purpose) => {
                // The write may have succeeded although its answer did not arrive; the lease is ours then.
                return match (deps.jobs.load(id).await, purpose) {
                    (Ok(Some(job)), Some(purpose)) if job.lease == Some(lease) => Ok(Some((job, purpose))),
                    _ => Err(error.into()),
                };
            }
        }
    }
    Err(Error::Unavailable { cause: "the row kept changing".into(), retry_after: Duration::from_secs(1) })
}
