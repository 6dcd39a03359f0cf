//! The end of a job that cannot have all its images: with those that there are, or as failed.

use domain::jobs::JobError;
use domain::{Error, Job, Timestamp};
use tracing::info;

use crate::Deps;
use crate::finish::{RunOutcome, finish, result_of};
use crate::sink::Sink;

/// Ends the job because of `error`. The images that are stored are paid for, so the job completes with them,
/// and the error says why the others are missing.
pub(crate) async fn end(
    deps: &Deps<'_>,
    job: Job,
    sink: &Sink<'_>,
    error: JobError,
    deadline: Timestamp,
) -> Result<(), Error> {
    let (missing, wanted) = (sink.missing().len() as u8, job.picture.count.get());
    if missing == wanted {
        return finish(deps, job, RunOutcome::Failed(error), deadline).await;
    }
    info!(missing, wanted, "the job ends with some of its images");
    let result = result_of(&job, sink, error.warnings.clone());
    let error = error.for_missing(missing, wanted);
    finish(deps, job, RunOutcome::Partial(Box::new(result), error), deadline).await
}
