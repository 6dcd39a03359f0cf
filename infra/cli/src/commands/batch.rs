//! `semantest batch`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use crate::cli;
use crate::client::api::{Api, ApiResponse};
use crate::client::batch_file::{Line, chunks, lines_with, read};
use crate::client::error::ApiError;
use crate::client::poll::{MAX_FAILED_REQUESTS, POLL_INTERVAL, progress_bar};
use crate::client::responses::{Batch, Job, count_by_status};
use crate::client::save;
use crate::client::target::{self, IfStopped};
use crate::interrupts::{Interrupted, Interrupts};
use crate::output;

/// The fields of a job that the API ignores in a batch.
const LEFT_OUT: [&str; 2] = ["webhookUrl", "webhookEvents"];

/// Submits every job of a file, and polls until all have ended.
pub(crate) async fn run(args: cli::Batch) -> Result<()> {
    let lines = read(&args.file)?;
    for field in LEFT_OUT {
        let lines = lines_with(&lines, field);
        if !lines.is_empty() {
            let lines = lines.join(", ");
            output::note(format_args!(
                "{field} of line {lines} is left out: --webhook is for the whole batch"
            ));
        }
    }
    if let Some(folder) = &args.out {
        save::prepare(folder)?;
    }
    let (api, user) = target::resolve(&args.target, IfStopped::Start).await?;
    let mut interrupts = Interrupts::listen()?;
    let mut open = Vec::new();
    for chunk in chunks(&lines) {
        let batch = match interrupts.after_answer(submit(&api, &user, &args, chunk)).await {
            Ok(batch) => batch,
            Err(error) if open.is_empty() => return Err(error),
            // The batches accepted so far continue and cost money, so the user must learn their ids.
            Err(error) => {
                let accepted: Vec<_> = open.iter().map(|batch: &OpenBatch<'_>| batch.id.as_str()).collect();
                let accepted = accepted.join(", ");
                return Err(error.context(format!("some lines are already accepted, as batch {accepted}")));
            }
        };
        let (first, last) =
            (chunk.first().map_or(0, |line| line.number), chunk.last().map_or(0, |line| line.number));
        output::note(format_args!("batch {} has the jobs of lines {first} to {last}", batch.batch_id));
        open.push(OpenBatch::new(batch, chunk)?);
        if interrupts.is_pending() {
            break;
        }
    }
    let bar = progress_bar(lines.len() as u64, "{spinner} [{bar:32}] {pos}/{len} ended  {elapsed}  {msg}");
    let watcher = BatchWatcher { api: &api, args: &args, bar: &bar };
    let mut ended = BTreeMap::new();
    let watched = interrupts.unless(watcher.watch(&mut open, &mut ended), String::new).await;
    bar.finish_and_clear();
    if watched.as_ref().is_err_and(|error| error.is::<Interrupted>()) {
        return Err(Interrupted(going_on(&open)).into());
    }
    watched?;
    output::note(count_by_status(ended.values()));
    let failed: Vec<_> =
        ended.iter().filter(|(_, job)| !job.completed()).map(|(number, _)| number.to_string()).collect();
    if !failed.is_empty() {
        bail!("no images for line {}", failed.join(", "));
    }
    Ok(())
}

/// The jobs that go on after an interrupt, and how to watch and cancel them.
fn going_on(open: &[OpenBatch<'_>]) -> String {
    let mut jobs: Vec<_> = open.iter().flat_map(|batch| &batch.pending).collect();
    jobs.sort_by_key(|(_, line)| line.number);
    let lines: String = jobs.iter().map(|(job, line)| format!("\n  {job}  {}", line.label())).collect();
    format!("{} jobs go on; `semantest watch ID` and `semantest cancel ID` are for each:{lines}", jobs.len())
}

/// Submits some lines as one batch, and retries with the same idempotency key until it is accepted.
async fn submit(api: &Api, user: &str, args: &cli::Batch, chunk: &[Line]) -> Result<Batch> {
    let jobs: Vec<_> = chunk.iter().map(|line| &line.job).collect();
    let body = json!({ "userId": user, "jobs": jobs, "webhookUrl": args.webhook });
    let key = Uuid::new_v4().to_string();
    for _ in 0..MAX_FAILED_REQUESTS {
        match api.batch(&body, &key).await.map_err(|error| with_line_numbers(error, chunk))? {
            ApiResponse::Success(batch) => return Ok(batch),
            ApiResponse::RetryAfter(delay, error) => {
                output::note(format_args!("not accepted yet, retrying in {} s: {error}", delay.as_secs()));
                sleep(delay).await;
            }
        }
    }
    bail!("the server did not accept the jobs")
}

/// Rewrites the field errors of a request to name lines of the file instead of `jobs[3]`.
fn with_line_numbers(error: Error, chunk: &[Line]) -> Error {
    let Some(api_error) = error.downcast_ref::<ApiError>() else { return error };
    let messages: Option<Vec<_>> = api_error
        .field_errors
        .iter()
        .map(|invalid| {
            let (index, field) = invalid.path.strip_prefix("jobs[")?.split_once(']')?;
            let number = chunk.get(index.parse::<usize>().ok()?)?.number;
            let field = field.trim_start_matches('.');
            let field = if field.is_empty() { String::new() } else { format!("{field}: ") };
            Some(format!("line {number}: {field}{}", invalid.message))
        })
        .collect();
    match messages {
        Some(messages) if !messages.is_empty() => Error::msg(messages.join("\n")),
        Some(_) | None => error,
    }
}

/// A batch with jobs that have not ended.
struct OpenBatch<'a> {
    id: String,
    /// The lines of the jobs that have not ended, by job id.
    pending: BTreeMap<String, &'a Line>,
}

impl<'a> OpenBatch<'a> {
    fn new(batch: Batch, chunk: &'a [Line]) -> Result<Self> {
        if batch.jobs.len() != chunk.len() {
            bail!("the batch {} has {} jobs for {} lines", batch.batch_id, batch.jobs.len(), chunk.len());
        }
        let pending = batch.jobs.into_iter().map(|job| job.job_id).zip(chunk).collect();
        Ok(Self { id: batch.batch_id, pending })
    }
}

struct BatchWatcher<'a> {
    api: &'a Api,
    args: &'a cli::Batch,
    bar: &'a ProgressBar,
}

impl BatchWatcher<'_> {
    /// Polls until all jobs have ended, and adds them to `ended` by line number.
    async fn watch(&self, open: &mut Vec<OpenBatch<'_>>, ended: &mut BTreeMap<usize, Job>) -> Result<()> {
        let mut failed_requests = 0;
        while !open.is_empty() {
            for batch in open.iter_mut() {
                let delay = match self.api.batch_status(&batch.id).await? {
                    ApiResponse::Success(current) => {
                        failed_requests = 0;
                        self.record_ended(batch, current, ended).await?;
                        Duration::ZERO
                    }
                    ApiResponse::RetryAfter(delay, error) => {
                        failed_requests += 1;
                        if failed_requests >= MAX_FAILED_REQUESTS {
                            return Err(
                                error.context("the status of the jobs cannot be read; the jobs continue")
                            );
                        }
                        delay
                    }
                };
                self.bar.set_position(ended.len() as u64);
                if !batch.pending.is_empty() {
                    sleep(delay.max(POLL_INTERVAL)).await;
                }
            }
            open.retain(|batch| !batch.pending.is_empty());
        }
        Ok(())
    }

    /// Saves and prints the jobs that have ended since the last call.
    async fn record_ended(
        &self,
        batch: &mut OpenBatch<'_>,
        current: Batch,
        ended: &mut BTreeMap<usize, Job>,
    ) -> Result<()> {
        self.bar.set_message(count_by_status(current.jobs.iter().filter(|job| !job.ended())));
        for job in current.jobs {
            let Some(line) = batch.pending.get(&job.job_id).copied().filter(|_| job.ended()) else {
                continue;
            };
            let files = match &self.args.out {
                Some(folder) => {
                    let prompt = line.job["prompt"].as_str().unwrap_or_default();
                    save::save_images(self.api, &job, prompt, folder).await.context(line.label())?
                }
                None => Vec::new(),
            };
            self.bar.suspend(|| self.print_job(line, &job, &files))?;
            batch.pending.remove(&job.job_id);
            ended.insert(line.number, job);
        }
        Ok(())
    }

    fn print_job(&self, line: &Line, job: &Job, files: &[std::path::PathBuf]) -> Result<()> {
        if self.args.json {
            let mut output = save::job_json(job, files)?;
            output["line"] = Value::from(line.number);
            output::line(output);
        } else {
            output::line(format_args!("{}: {}", line.label(), job.summary()));
            save::print_images(job, files);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;

    #[test]
    fn going_on_names_the_jobs_in_the_order_of_their_lines() {
        let (first, second) = (Line { number: 1, job: json!({}) }, Line { number: 2, job: json!({}) });
        let pending = BTreeMap::from([("b".to_owned(), &first), ("a".to_owned(), &second)]);
        let said = going_on(&[OpenBatch { id: "x".to_owned(), pending }]);
        assert!(said.starts_with("2 jobs go on") && said.ends_with("\n  b  line 1\n  a  line 2"), "{said}");
    }

    #[test]
    fn with_line_numbers_replaces_job_indexes() {
        let line = |number| Line { number, job: json!({}) };
        let chunk = [line(3), line(7)];
        let message = |paths: &[&str]| {
            let details: Vec<_> =
                paths.iter().map(|path| json!({"path": path, "message": "must be other"})).collect();
            let error = json!({"error": {"code": "X", "message": "no", "details": details}});
            with_line_numbers(ApiError::from_text(StatusCode::BAD_REQUEST, &error.to_string()).into(), &chunk)
                .to_string()
        };
        assert_eq!(
            message(&["jobs[1].prompt", "jobs[0]"]),
            "line 7: prompt: must be other\nline 3: must be other"
        );
        assert!(message(&["jobs[0].prompt", "userId"]).contains("userId"));
        assert!(message(&["jobs[9].prompt"]).contains("jobs[9].prompt"));
    }
}
