//! Finds jobs and batches that the caller may access.

use domain::access::Principal;
use domain::error::Missing;
use domain::jobs::{BatchStore, JobStore};
use domain::store::StoreError;
use domain::{Batch, Error, Job, JobId};

/// Returns the job `id`, from its row or, as long as it has no row, from its batch.
///
/// # Errors
///
/// If a store does not answer.
pub async fn find(
    jobs: &dyn JobStore,
    batches: &dyn BatchStore,
    id: JobId,
) -> Result<Option<Job>, StoreError> {
    if let Some(job) = jobs.load(id).await? {
        return Ok(Some(job));
    }
    let Some((batch, index)) = id.batch() else { return Ok(None) };
    let Some(batch) = batches.load_batch(batch).await? else { return Ok(None) };
    match batch.unwritten_job(index) {
        Some(job) => Ok(Some(job)),
        // The last row was written between the two reads.
        None => jobs.load(id).await,
    }
}

/// Finds the job `id` of the caller with [`find`].
///
/// # Errors
///
/// [`Error::NotFound`], also for another caller's job; [`Error::Unavailable`] if a store does not answer.
pub async fn job(
    jobs: &dyn JobStore,
    batches: &dyn BatchStore,
    caller: &Principal,
    id: Option<&str>,
) -> Result<Job, Error> {
    let missing = || Error::NotFound(Missing::Job);
    let id: JobId = id.and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let job = find(jobs, batches, id).await?;
    job.filter(|job| caller.may_access(&job.client_id, job.user_id)).ok_or_else(missing)
}

/// Finds the batch `id` of the caller.
///
/// # Errors
///
/// [`Error::NotFound`], also for another caller's batch; [`Error::Unavailable`] if the store does not answer.
pub async fn batch(batches: &dyn BatchStore, caller: &Principal, id: Option<&str>) -> Result<Batch, Error> {
    let missing = || Error::NotFound(Missing::Batch);
    let id = id.and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let batch = batches.load_batch(id).await?;
    batch.filter(|batch| caller.may_access(&batch.client_id, batch.user_id)).ok_or_else(missing)
}
