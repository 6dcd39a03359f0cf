//! Jobs and batches, as far as their caller may know of them.

use domain::access::Principal;
use domain::error::Missing;
use domain::ports::{BatchStore, JobStore};
use domain::{Batch, Error, Job, JobId};

/// The job `id` of the caller, as its row has it, or as its batch has it as long as it has no row.
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
    let job = match jobs.load(id).await? {
        Some(job) => Some(job),
        None => without_row(jobs, batches, id).await?,
    };
    job.filter(|job| job.client_id == caller.client && caller.acts_for(job.user_id)).ok_or_else(missing)
}

async fn without_row(jobs: &dyn JobStore, batches: &dyn BatchStore, id: JobId) -> Result<Option<Job>, Error> {
    let Some((batch, index)) = id.batch() else { return Ok(None) };
    let Some(batch) = batches.load_batch(batch).await? else { return Ok(None) };
    match batch.unwritten_job(index) {
        Some(job) => Ok(Some(job)),
        // The last row was written between the two reads.
        None => Ok(jobs.load(id).await?),
    }
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
