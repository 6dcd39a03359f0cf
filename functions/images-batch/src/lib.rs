//! `POST /images/batch`: accepts many image jobs at once, all of them or none.

use std::collections::HashMap;
use std::time::Duration;

use app::jobs::fan_out::FanOut;
use domain::access::IdempotencyStore;
use domain::jobs::{BatchStore, EstimateStore, JobClass, JobPolicy, JobQueue, JobStore, WebhookUrlPolicy};
use domain::{Batch, BatchId, Error, Job, JobId, Timestamp};
use edge::api::images::batch_response::{BatchResponse, batch_status_url};
use edge::http::idempotency::once;
use edge::http::{Answer, Request};
use http::{StatusCode, header};
use tracing::info;

/// The part of the function's time that is reserved for the answer.
const RESERVE: Duration = Duration::from_secs(2);

pub struct Deps<'a> {
    pub batches: &'a dyn BatchStore,
    pub jobs: &'a dyn JobStore,
    pub idempotency: &'a dyn IdempotencyStore,
    pub estimates: &'a dyn EstimateStore,
    pub queue: &'a dyn JobQueue,
    pub policy: JobPolicy,
    pub webhook_url_policy: WebhookUrlPolicy,
}

/// Answers one request. The batch is accepted once its row is written, even if a later step fails: the
/// sweeper writes missing job rows and sends missing messages, and these jobs are pending until then.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let wanted = edge::api::images::batch::parse(&request.body, deps.webhook_url_policy);
    let mut wanted = request.with_header_faults(wanted)?;
    caller.require_user(wanted.user)?;
    let until = request.deadline - RESERVE;
    once(deps.idempotency, &request, async |seed| {
        let (id, client) = (BatchId::made_from(seed), caller.client.clone());
        let pictures = wanted.jobs.iter().map(|job| &job.picture);
        let estimates = app::jobs::estimate::estimated_durations(deps.estimates, pictures).await;
        for job in &mut wanted.jobs {
            job.estimate = estimates.get(&JobClass::of(&job.picture)).copied();
        }
        let mut batch = Batch::accept(id, wanted, client, request.trace_id, request.now, &deps.policy);
        let rows = match deps.batches.save_batch(&mut batch).await {
            Ok(()) => vec![None; usize::from(batch.total)],
            // Either an earlier run of this same request wrote the row and then crashed, or this run wrote
            // it and the store's answer was lost. If the row exists, the batch is accepted.
            Err(error) => match deps.batches.load_batch(id).await {
                Ok(Some(accepted)) => {
                    batch = accepted;
                    deps.jobs.load_many(&batch.job_ids()).await?
                }
                Ok(None) | Err(_) => return Err(error.into()),
            },
        };
        let jobs = fan_out(deps, &batch, rows, until).await;
        info!(batchId = %id, client = %batch.client_id, jobs = batch.total, "batch accepted");
        let answer = Answer::json(StatusCode::ACCEPTED, &BatchResponse::new(&batch, &jobs))?;
        Ok(answer.with(header::LOCATION, &batch_status_url(id)))
    })
    .await
}

/// Writes missing rows and sends messages until `until`, and returns the jobs as they are then.
async fn fan_out(deps: &Deps<'_>, batch: &Batch, rows: Vec<Option<Job>>, until: Timestamp) -> Vec<Job> {
    let missing = (0..batch.total).zip(&rows).filter_map(|(index, row)| row.is_none().then_some(index));
    let fan_out = FanOut { jobs: deps.jobs, queue: deps.queue, policy: deps.policy };
    let outcome = fan_out.run(batch, missing.collect(), until).await;
    let mut written: HashMap<JobId, Job> = outcome.written.into_iter().map(|job| (job.id, job)).collect();
    let job = |(index, row): (u8, Option<Job>)| {
        row.or_else(|| written.remove(&batch.id.job(index))).or_else(|| batch.unwritten_job(index))
    };
    (0..batch.total).zip(rows).filter_map(job).collect()
}
