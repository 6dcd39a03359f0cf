//! Makes the images of a job.
//!
//! The row decides everything; a message only wakes. Between any two lines the function may die, and
//! the sweeper will wake another worker once the lease has lapsed.

mod failover;
mod finish;
mod metrics;
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

/// What the worker needs.
pub struct Deps<'a> {
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
    /// What wakes workers.
    pub queue: &'a dyn JobQueue,
    /// Where images go.
    pub images: &'a dyn ImageStore,
    /// The providers that are enabled.
    pub providers: &'a CurrentRegistry<'a>,
    /// What is under way at them.
    pub capacity: &'a dyn CapacityStore,
    /// How long jobs take.
    pub estimates: &'a dyn EstimateStore,
    /// What is seen of the providers.
    pub provider_statuses: &'a dyn ProviderStatusStore,
    /// How jobs live.
    pub policy: JobPolicy,
    /// How much longer than this function a lease lasts.
    pub lease_margin: Duration,
}

/// How often a worker reads again when others keep changing the row before it does.
const MAX_CONFLICT_RETRIES: u32 = 10;

/// Handles one message. `deadline` is when Lambda ends this function.
///
/// # Errors
///
/// If a store did not answer; the message then comes again, or the sweeper sends another.
pub async fn handle(deps: &Deps<'_>, message: JobMessage, deadline: Timestamp) -> Result<(), Error> {
    let JobMessage::V1 { job_id, .. } = message;
    let Some((job, purpose)) = start(deps, job_id, deadline).await? else { return Ok(()) };
    info!(attempt = job.attempts, failures = job.failures, ?purpose, "job taken up");
    run::run(deps, job, purpose, deadline).await
}

/// What a job was taken up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To make its images.
    Generate,
    /// To end it by what a dead worker has stored, and by what is paid for and under way.
    RecoverOnly,
}

/// Leases the job to this worker; `None` if there is nothing to do for it.
async fn start(deps: &Deps<'_>, id: JobId, deadline: Timestamp) -> Result<Option<(Job, Purpose)>, Error> {
    let lease = Lease { id: LeaseId::new(), until: deadline + deps.lease_margin };
    for _ in 0..MAX_CONFLICT_RETRIES {
        let Some(mut job) = deps.jobs.load(id).await? else {
            warn!("a message about a job that does not exist, or not any more");
            return Ok(None);
        };
        let now = Timestamp::now();
        let admission = job.admission(now, &deps.policy);
        let mut purpose = None;
        // What a dead worker has paid for, and nobody will ever see.
        let lost;
        let event = match admission {
            Admission::Run | Admission::RecoverOnly => {
                purpose =
                    Some(if admission == Admission::Run { Purpose::Generate } else { Purpose::RecoverOnly });
                let first = job.started_at.is_none();
                let asked = job.paid_calls_in_flight();
                job.start(lease, now).map_err(Error::internal)?;
                lost = asked.filter(|_| job.open_attempt().is_none());
                first.then_some(WebhookEvent::Started)
            }
            Admission::Expired | Admission::Exhausted => {
                let error = job.ending_error(now);
                lost = job.paid_calls_in_flight();
                job.fail(error, now).map_err(Error::internal)?;
                Some(WebhookEvent::Failed)
            }
            Admission::Ended | Admission::Leased | Admission::TooEarly => {
                info!(?admission, "nothing to do for this job");
                return Ok(None);
            }
        };
        let owed = event.and_then(|event| job.delivery(event, now));
        let saved = deps.jobs.save(&mut job, owed.as_ref()).await;
        if let (Ok(()), Some(calls)) = (&saved, lost) {
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
                // The write may have gone through all the same; then the lease is ours to use.
                return match (deps.jobs.load(id).await, purpose) {
                    (Ok(Some(job)), Some(purpose)) if job.lease == Some(lease) => Ok(Some((job, purpose))),
                    _ => Err(error.into()),
                };
            }
        }
    }
    Err(Error::Unavailable { cause: "the row kept changing".into(), retry_after: Duration::from_secs(1) })
}
