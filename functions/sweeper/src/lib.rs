//! Requeues rows that are due, ends jobs after their deadline, and deletes orphaned images. Once a day
//! it checks the deprecation dates of models.
//!
//! The index only says where to look; each condition is checked on the row. A sweep does a bounded amount of
//! work, and the next sweep starts with what is left.

pub mod deprecations;
mod webhooks;

use std::collections::BTreeSet;
use std::time::Duration;

use app::jobs::fan_out::FanOut;
use aws::keys;
use domain::due::{Due, DueIndex};
use domain::images::ImageStore;
use domain::jobs::{Admission, BatchStore, JobMessage, JobPolicy, JobQueue, JobStore, WebhookEvent};
use domain::store::StoreError;
use domain::webhooks::{Delivery, DeliveryStore, TimeScale, WebhookEndpointStore, WebhookQueue};
use domain::{Batch, BatchId, Error, Job, JobId, Timestamp};
use futures_util::{StreamExt as _, stream};
use lambda_runtime::LambdaEvent;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{Instrument as _, error, info, info_span, warn};

/// The maximum number of rows that a sweep reads from each shard of the index.
const PER_SHARD: u32 = 250;
/// How many rows are processed concurrently.
const SIDE_BY_SIDE: usize = 16;
/// How long one row may take: a store that hangs must not use up the whole sweep.
const PER_ROW: Duration = Duration::from_secs(10);

/// The ports and settings of the sweeper.
pub struct Deps<'a> {
    pub due: &'a dyn DueIndex,
    pub jobs: &'a dyn JobStore,
    pub batches: &'a dyn BatchStore,
    pub deliveries: &'a dyn DeliveryStore,
    pub job_queue: &'a dyn JobQueue,
    pub webhook_queue: &'a dyn WebhookQueue,
    pub images: &'a dyn ImageStore,
    pub policy: JobPolicy,
    pub endpoints: &'a dyn WebhookEndpointStore,
    pub time_scale: TimeScale,
}

/// The counts of one sweep.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Swept {
    /// Rows that the index named.
    pub due: u32,
    /// Batches all of whose jobs have a row now.
    pub batches_written: u32,
    /// Jobs whose message was sent again.
    pub jobs_sent: u32,
    /// Jobs that were failed, because they expired or used up their failures.
    pub jobs_failed: u32,
    /// Ended jobs whose orphaned images were deleted.
    pub jobs_cleaned: u32,
    /// Webhooks whose message was sent again.
    pub webhooks_sent: u32,
    /// Rows that could not be processed; the next sweep finds them again.
    pub failed: u32,
    /// Rows that this release cannot read; a later sweep finds them again.
    pub unreadable: u32,
}

enum Done {
    Nothing,
    BatchWritten,
    JobSent,
    JobFailed,
    JobCleaned,
    WebhookSent,
    Failed,
    Unreadable,
}

/// Handles one event. The content of the event is ignored.
///
/// # Errors
///
/// If the index did not answer.
pub async fn handle(deps: &Deps<'_>, event: LambdaEvent<Value>) -> Result<Swept, lambda_runtime::Error> {
    let started = Instant::now();
    let deadline = Timestamp::from_millis(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
    let swept = sweep(deps, deadline).await?;
    let duration = started.elapsed().as_millis() as u64;
    info!(
        due = swept.due,
        batchesWritten = swept.batches_written,
        jobsSent = swept.jobs_sent,
        jobsFailed = swept.jobs_failed,
        jobsCleaned = swept.jobs_cleaned,
        webhooksSent = swept.webhooks_sent,
        failed = swept.failed,
        unreadable = swept.unreadable,
        durationMs = duration,
        "swept"
    );
    Ok(swept)
}

/// One sweep. It begins nothing new once `deadline` is near.
///
/// # Errors
///
/// If the index did not answer.
pub async fn sweep(deps: &Deps<'_>, deadline: Timestamp) -> Result<Swept, Error> {
    let due = deps.due.due(Timestamp::now(), PER_SHARD).await?;
    let mut swept = Swept { due: u32::try_from(due.len()).unwrap_or(u32::MAX), ..Swept::default() };
    let last_start = deadline - Duration::from_secs(10);
    let mut all = stream::iter(due)
        .map(|due| async move {
            if Timestamp::now() >= last_start {
                return Done::Nothing;
            }
            tokio::time::timeout(PER_ROW, process(deps, due)).await.unwrap_or(Done::Failed)
        })
        .buffer_unordered(SIDE_BY_SIDE);
    while let Some(done) = all.next().await {
        match done {
            Done::Nothing => {}
            Done::BatchWritten => swept.batches_written += 1,
            Done::JobSent => swept.jobs_sent += 1,
            Done::JobFailed => swept.jobs_failed += 1,
            Done::JobCleaned => swept.jobs_cleaned += 1,
            Done::WebhookSent => swept.webhooks_sent += 1,
            Done::Failed => swept.failed += 1,
            Done::Unreadable => swept.unreadable += 1,
        }
    }
    Ok(swept)
}

async fn process(deps: &Deps<'_>, due: Due) -> Done {
    let (span, outcome) = match due.clone() {
        Due::Job(id) => {
            let span = info_span!("due", jobId = %id, traceId = tracing::field::Empty);
            (span.clone(), job(deps, id).instrument(span).await)
        }
        Due::Batch(id) => {
            let span = info_span!("due", batchId = %id, traceId = tracing::field::Empty);
            (span.clone(), batch(deps, id).instrument(span).await)
        }
        Due::Delivery(job, id) => {
            let span = info_span!("due", jobId = %job, webhookId = %id, traceId = tracing::field::Empty);
            (span.clone(), webhooks::delivery(deps, job, id).instrument(span).await)
        }
        Due::WebhookEndpoint(id) => {
            let span = info_span!("due", client = %id.client);
            (span.clone(), webhooks::endpoint(deps, &id).instrument(span).await)
        }
    };
    match outcome {
        Ok(done) => done,
        // Another function is working on the row, so the sweep has nothing to do.
        Err(StoreError::Conflict) => Done::Nothing,
        Err(StoreError::Unreadable(cause)) => postpone(deps, due, cause).instrument(span).await,
        Err(error) => {
            span.in_scope(|| warn!(%error, "a due row could not be processed"));
            Done::Failed
        }
    }
}

/// Postpones a row that this release cannot read: at the head of the index, such rows would hide all others.
/// The row keeps what is in it, for a release that can read it.
async fn postpone(deps: &Deps<'_>, due: Due, cause: domain::Cause) -> Done {
    error!(alarm = "row_unreadable", %cause, "a due row cannot be read; it is postponed");
    match deps.due.postpone(&due, Timestamp::now()).await {
        Ok(_) | Err(StoreError::Conflict) => Done::Unreadable,
        Err(error) => {
            warn!(%error, "a row that cannot be read could not be postponed");
            Done::Failed
        }
    }
}

/// Writes the missing rows of a batch's jobs; then the batch is no longer due. If the function dies before
/// that, the batch stays due, and the rows that it wrote are due by themselves.
async fn batch(deps: &Deps<'_>, id: BatchId) -> Result<Done, StoreError> {
    let now = Timestamp::now();
    let Some(mut batch) = deps.batches.load_batch(id).await? else { return Ok(Done::Nothing) };
    if batch.due_at.is_none_or(|at| at > now) {
        return Ok(Done::Nothing);
    }
    tracing::Span::current().record("traceId", tracing::field::display(batch.trace_id));
    let without_row = missing(deps, &batch).await?;
    if !without_row.is_empty() {
        let fan_out = FanOut { jobs: deps.jobs, queue: deps.job_queue, policy: deps.policy };
        let done = fan_out.run(&batch, without_row, now + PER_ROW.mul_f32(0.7)).await;
        info!(jobs = done.written.len(), "jobs of a batch written");
        // Only rows that a read returns count: if two functions write the same row at the same time, both may
        // get a conflict although neither has written it.
        let left = missing(deps, &batch).await?.len();
        if left > 0 {
            return Err(StoreError::Unavailable(format!("{left} jobs of the batch have no row yet").into()));
        }
    }
    batch.written();
    deps.batches.save_batch(&mut batch).await?;
    Ok(Done::BatchWritten)
}

/// The indexes of a batch's jobs that have no row, by a consistent read.
async fn missing(deps: &Deps<'_>, batch: &Batch) -> Result<Vec<u8>, StoreError> {
    let rows = deps.jobs.load_many(&batch.job_ids()).await?;
    Ok((0..batch.total).zip(rows).filter_map(|(index, row)| row.is_none().then_some(index)).collect())
}

async fn job(deps: &Deps<'_>, id: JobId) -> Result<Done, StoreError> {
    let now = Timestamp::now();
    let Some(mut job) = deps.jobs.load(id).await? else { return Ok(Done::Nothing) };
    if job.due_at.is_none_or(|at| at > now) {
        return Ok(Done::Nothing);
    }
    tracing::Span::current().record("traceId", tracing::field::display(job.trace_id));
    match job.admission(now, &deps.policy) {
        Admission::Leased | Admission::TooEarly => Ok(Done::Nothing),
        Admission::Ended => clean_up(deps, job).await,
        Admission::Run | Admission::RecoverOnly => {
            // The message comes first: if the function dies in between, the message is sent twice. In the
            // other order it would not be sent at all.
            let message = JobMessage::about(&job);
            deps.job_queue.send(&message, job.priority, &job.client_id, Duration::ZERO).await?;
            if job.requeued(now, &deps.policy).is_ok() {
                deps.jobs.save(&mut job, None).await?;
            }
            info!(requeues = job.requeues, "job requeued");
            Ok(Done::JobSent)
        }
        admission @ (Admission::Expired | Admission::Exhausted) => {
            let error = job.ending_error(now);
            if job.fail(error, now).is_err() {
                return Ok(Done::Nothing);
            }
            let webhook: Option<Delivery> = job.delivery(WebhookEvent::Failed, now);
            deps.jobs.save(&mut job, webhook.as_ref()).await?;
            if let Some(calls) = job.paid_calls_in_flight() {
                error!(metric = "possibly_paid", calls, "calls may have been paid for without a result");
            }
            info!(?admission, "job failed");
            Ok(Done::JobFailed)
        }
    }
}

/// Deletes every object of an ended job that its row does not name.
async fn clean_up(deps: &Deps<'_>, mut job: Job) -> Result<Done, StoreError> {
    let named: BTreeSet<String> = job
        .result
        .iter()
        .flat_map(|result| &result.images)
        .flat_map(|image| [image.key.clone(), image.thumbnail_key.clone()])
        .collect();
    let deleted = match delete_orphans(deps, &job, &named).await {
        Ok(deleted) => deleted,
        Err(error) => {
            // The job moves to the end of the index: rows that cannot be cleaned up would otherwise pile up
            // at its head, and the sweep would never reach the others.
            job.defer_cleanup(Timestamp::now());
            deps.jobs.save(&mut job, None).await?;
            return Err(error);
        }
    };
    job.cleaned_up();
    deps.jobs.save(&mut job, None).await?;
    info!(deleted, "orphaned images of a job deleted");
    Ok(Done::JobCleaned)
}

async fn delete_orphans(deps: &Deps<'_>, job: &Job, named: &BTreeSet<String>) -> Result<usize, StoreError> {
    let mut orphans = deps.images.list(&keys::image_prefix(&job.storage_prefix)).await?;
    orphans.retain(|key| !named.contains(key));
    deps.images.delete(&orphans).await?;
    Ok(orphans.len())
}
