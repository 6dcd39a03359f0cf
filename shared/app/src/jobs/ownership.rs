//! Jobs and batches, as far as their caller may know of them.

use domain::access::Principal;
use domain::error::Missing;
use domain::jobs::{BatchStore, JobStore};
use domain::store::StoreError;
use domain::{Batch, Error, Job, JobId};

/// The job `id`, as its row has it, or as its batch has it as long as it has no row.
///
/// # Errors
///
/// If a store did not answer.
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

/// The job `id` of the caller, as [`find`] gives it.
///
/// # Errors
///
/// [`Error::NotFound`], for a job of somebody else too; [`Error::Unavailable`].
pub async fn job(
    jobs: &dyn JobStore,
    batches: &dyn BatchStore,
    caller: &Principal,
    id: Option<&str>,
) -> Result<Job, Error> {
    let missing = || Error::NotFound(Missing::Job);
    let id: JobId = id.and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let job = find(jobs, batches, id).await?;
    job.filter(|job| job.client_id == caller.client && caller.acts_for(job.user_id)).ok_or_else(missing)
}

/// The batch `id` of the caller.
///
/// # Errors
///
/// [`Error::NotFound`], for a batch of somebody else too; [`Error::Unavailable`].
pub async fn batch(batches: &dyn BatchStore, caller: &Principal, id: Option<&str>) -> Result<Batch, Error> {
    let missing = || Error::NotFound(Missing::Batch);
    let id = id.and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let batch = batches.load_batch(id).await?;
    batch
        .filter(|batch| batch.client_id == caller.client && caller.acts_for(batch.user_id))
        .ok_or_else(missing)
}
