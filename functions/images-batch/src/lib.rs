//! `POST /images/batch`: accepts many image jobs at once, all of them or none.

use std::collections::HashMap;
use std::time::Duration;

use app::jobs::fan_out::FanOut;
use domain::access::IdempotencyStore;
use domain::jobs::{BatchStore, EstimateStore, JobPolicy, JobQueue, JobStore, WebhookUrlPolicy};
use domain::{Batch, BatchId, Error, Job, JobId, Timestamp};
use edge::api::images::batch_response::{BatchResponse, batch_status_url};
use edge::http::idempotency::once;
use edge::http::{Answer, Request};
use lambda_http::http::{StatusCode, header};
use tracing::info;

/// What is left of the function's time for the answer.
const RESERVE: Duration = Duration::from_secs(2);

/// What the endpoint needs.
pub struct Deps<'a> {
    /// Where batches are kept.
    pub batches: &'a dyn BatchStore,
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
    /// Which `Idempotency-Key`s were used.
    pub idempotency: &'a dyn IdempotencyStore,
    /// How long jobs take.
    pub estimates: &'a dyn EstimateStore,
    /// What wakes workers.
    pub queue: &'a dyn JobQueue,
    /// How jobs live.
    pub policy: JobPolicy,
    /// Where webhooks may go.
    pub webhook_url_policy: WebhookUrlPolicy,
}

/// Answers one request. Once the batch's row is written the batch is accepted, whatever happens after:
/// a job that gets no row or no message now gets it from the sweeper, and is pending until then.
///
/// # Errors
///
/// As the API's contract has them.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let wanted = edge::api::images::batch::parse(&request.body, deps.webhook_url_policy);
    let mut wanted = request.with_header_faults(wanted)?;
    if !caller.acts_for(wanted.user) {
        return Err(Error::Forbidden("the credential does not act for this userId"));
    }
    let until = request.deadline - RESERVE;
    once(deps.idempotency, &request, async |seed| {
        let (id, client) = (BatchId::made_from(seed), caller.client.clone());
        for job in &mut wanted.jobs {
            job.estimate = app::jobs::estimate::estimated_duration(deps.estimates, &job.picture).await;
        }
        let mut batch = Batch::accept(id, wanted, client, request.trace_id, request.now, &deps.policy);
        let rows = match deps.batches.save_batch(&mut batch).await {
            Ok(()) => vec![None; usize::from(batch.total)],
            // Either an earlier run of this very request wrote the row and died after it, or this one
            // wrote it and the answer was lost. If the row is there the batch is accepted.
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

/// The jobs of the batch as they stand when all that can be done now is done.
async fn fan_out(deps: &Deps<'_>, batch: &Batch, rows: Vec<Option<Job>>, until: Timestamp) -> Vec<Job> {
    let missing = (0..batch.total).zip(&rows).filter_map(|(index, row)| row.is_none().then_some(index));
    let fan_out = FanOut { jobs: deps.jobs, queue: deps.queue, policy: deps.policy };
    let done = fan_out.run(batch, missing.collect(), until).await;
    let mut written: HashMap<JobId, Job> = done.written.into_iter().map(|job| (job.id, job)).collect();
    let job = |(index, row): (u8, Option<Job>)| {
        row.or_else(|| written.remove(&batch.id.job(index))).or_else(|| batch.unwritten_job(index))
    };
    (0..batch.total).zip(rows).filter_map(job).collect()
}
