//! The last write of a try: the job's end, or its return to the queue.

use std::time::Duration;

use domain::delivery::WebhookEvent;
use domain::job::{JobError, JobResult};
use domain::ports::StoreError;
use domain::{Error, Job, Timestamp};
use tracing::{info, warn};

use crate::Deps;

/// How a try ends.
#[derive(Clone)]
pub(crate) enum End {
    Completed(Box<JobResult>),
    Failed(JobError),
    PutBack { at: Timestamp, counts: bool },
}

/// Writes the end, with the webhook that is owed for it, as long as the job is this worker's. What
/// was made is paid for, so a store that does not answer is asked again until the function's time is up.
pub(crate) async fn conclude(
    deps: &Deps<'_>,
    mut job: Job,
    end: End,
    deadline: Timestamp,
) -> Result<(), Error> {
    let lease = job.lease;
    let mut pause = Duration::from_millis(100);
    loop {
        let now = Timestamp::now();
        let owed = apply(deps, &mut job, end.clone(), now)?;
        match deps.jobs.save(&mut job, owed.as_ref()).await {
            Ok(()) => {
                info!(
                    status = job.status.as_str(),
                    attempts = job.attempts,
                    failures = job.failures,
                    "try ended"
                );
                return Ok(());
            }
            Err(StoreError::Conflict) => {}
            Err(error) if now + pause < deadline => {
                warn!(%error, "the row could not be written; trying again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) => return Err(error.into()),
        }
        // Somebody else wrote the row, or our own write went through and its answer was lost. Both
        // show in the row: it has ended, or has another lease.
        match deps.jobs.load(job.id).await? {
            Some(current) if !current.status.ended() && current.lease == lease => job = current,
            Some(_) | None => {
                info!("the job is no longer this worker's");
                return Ok(());
            }
        }
    }
}

fn apply(
    deps: &Deps<'_>,
    job: &mut Job,
    end: End,
    now: Timestamp,
) -> Result<Option<domain::delivery::Delivery>, Error> {
    let event = match end {
        End::Completed(result) => {
            job.complete(*result, now).map_err(Error::internal)?;
            Some(WebhookEvent::Completed)
        }
        End::Failed(error) => {
            job.fail(error, now).map_err(Error::internal)?;
            Some(WebhookEvent::Failed)
        }
        End::PutBack { at, counts } => {
            job.put_back(at, counts, &deps.policy).map_err(Error::internal)?;
            None
        }
    };
    Ok(event.and_then(|event| job.delivery(event, now)))
}
