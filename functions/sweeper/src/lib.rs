//! Re-enqueues what is due and unattended, ends what is past its deadline, deletes what no row names; and
//! once a day asks when models end.
//!
//! The index only says where to look; each condition is checked on the row. A sweep does a bounded
//! amount of work, and what is left over is the first thing the next one finds.

pub mod deprecations;
mod webhooks;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

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
use tracing::{Instrument as _, error, info, info_span, warn};

/// How many rows a sweep takes from each part of the index at the most.
const PER_SHARD: u32 = 250;
/// How many rows are looked at side by side.
const SIDE_BY_SIDE: usize = 16;
/// How long one row may take: a store that hangs must not use up the whole sweep.
const PER_ROW: Duration = Duration::from_secs(10);

/// What the sweeper needs.
pub struct Deps<'a> {
    /// What is due.
    pub due: &'a dyn DueIndex,
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
    /// Where batches are kept.
    pub batches: &'a dyn BatchStore,
    /// Where webhooks are kept.
    pub deliveries: &'a dyn DeliveryStore,
    /// What wakes workers.
    pub job_queue: &'a dyn JobQueue,
    /// What wakes senders.
    pub webhook_queue: &'a dyn WebhookQueue,
    /// Where images lie.
    pub images: &'a dyn ImageStore,
    /// How jobs live.
    pub policy: JobPolicy,
    /// What is known of receivers' URLs.
    pub endpoints: &'a dyn WebhookEndpointStore,
    /// How fast the clock of webhooks runs.
    pub time_scale: TimeScale,
}

/// What a sweep did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Swept {
    /// Rows that the index named.
    pub due: u32,
    /// Batches that were seen to have a row for each job.
    pub batches_written: u32,
    /// Jobs whose message was sent again.
    pub jobs_sent: u32,
    /// Jobs that were ended.
    pub jobs_failed: u32,
    /// Jobs that were cleaned up after.
    pub jobs_cleaned: u32,
    /// Webhooks whose message was sent again.
    pub webhooks_sent: u32,
    /// Rows that could not be seen to; the next sweep finds them again.
    pub failed: u32,
}

enum Done {
    Nothing,
    BatchWritten,
    JobSent,
    JobFailed,
    JobCleaned,
    WebhookSent,
    Failed,
}

/// Handles one event, whatever it holds: that it came is all it says.
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
        }
    }
    Ok(swept)
}

async fn process(deps: &Deps<'_>, due: Due) -> Done {
    let (span, outcome) = match due {
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
        // Somebody is at it: that is all a sweep wants.
        Err(StoreError::Conflict) => Done::Nothing,
        Err(error) => {
            span.in_scope(|| warn!(%error, "a due row could not be seen to"));
            Done::Failed
        }
    }
}

/// Sees that each job of a batch has its row, and then lets the batch rest. Dying anywhere leaves the
/// batch due, and rows that are due by themselves.
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
        // Only rows that are really there count: of two who write the same row at the same time both
        // may be told that the other was faster, and neither have written it.
        let left = missing(deps, &batch).await?.len();
        if left > 0 {
            return Err(StoreError::Unavailable(format!("{left} jobs of the batch have no row yet")));
        }
    }
    batch.written();
    deps.batches.save_batch(&mut batch).await?;
    Ok(Done::BatchWritten)
}

/// Which jobs of a batch have no row, by a consistent read.
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
            // The message first: dying between the two sends it once more, the other way round not at all.
            let message = JobMessage::about(&job);
            deps.job_queue.send(&message, job.priority, &job.client_id, Duration::ZERO).await?;
            if job.message_resent(now, &deps.policy).is_ok() {
                deps.jobs.save(&mut job, None).await?;
            }
            info!(requeues = job.requeues, "job sent again");
            Ok(Done::JobSent)
        }
        admission @ (Admission::Expired | Admission::Exhausted) => {
            let error = job.ending_error(now);
            if job.fail(error, now).is_err() {
                return Ok(Done::Nothing);
            }
            let owed: Option<Delivery> = job.delivery(WebhookEvent::Failed, now);
            deps.jobs.save(&mut job, owed.as_ref()).await?;
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
            // To the back: at the head of the index, rows that cannot be cleaned up would in the end
            // keep all others from being seen.
            job.defer_cleanup(Timestamp::now());
            deps.jobs.save(&mut job, None).await?;
            return Err(error);
        }
    };
    job.cleaned_up();
    deps.jobs.save(&mut job, None).await?;
    info!(deleted, "job cleaned up after");
    Ok(Done::JobCleaned)
}

async fn delete_orphans(deps: &Deps<'_>, job: &Job, named: &BTreeSet<String>) -> Result<usize, StoreError> {
    let mut stray = deps.images.list(&keys::image_prefix(&job.storage_prefix)).await?;
    stray.retain(|key| !named.contains(key));
    deps.images.delete(&stray).await?;
    Ok(stray.len())
}
