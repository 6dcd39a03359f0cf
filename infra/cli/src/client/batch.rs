//! `semantest batch`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use super::api::{Answer, Api};
use super::follow::{BETWEEN, PATIENCE, bar};
use super::job::{Batch, Job, count};
use super::lines::{Line, chunks, read};
use super::refusal::Refused;
use super::{save, target};
use crate::cli;

/// Hands in every job of a file, and watches them until all have ended.
pub(crate) async fn run(args: cli::Batch) -> Result<()> {
    let lines = read(&args.file)?;
    let (api, user) = target::resolve(&args.target).await?;
    let mut open = Vec::new();
    for chunk in chunks(&lines) {
        let batch = match submit(&api, &user, chunk).await {
            Ok(batch) => batch,
            Err(error) if open.is_empty() => return Err(error),
            // What was accepted before goes on, and is paid for: it must be known.
            Err(error) => {
                let accepted: Vec<_> = open.iter().map(|open: &Open<'_>| open.id.as_str()).collect();
                let accepted = accepted.join(", ");
                return Err(error.context(format!("some lines were accepted already, as batch {accepted}")));
            }
        };
        open.push(Open::new(batch, chunk)?);
    }
    let bar = bar(lines.len() as u64, "{spinner} [{bar:32}] {pos}/{len} ended  {elapsed}  {msg}");
    let watch = Watch { api: &api, args: &args, bar: &bar };
    let ended = watch.all(open).await?;
    bar.finish_and_clear();
    eprintln!("{}", count(ended.values()));
    let failed: Vec<_> =
        ended.iter().filter(|(_, job)| !job.completed()).map(|(number, _)| number.to_string()).collect();
    if !failed.is_empty() {
        bail!("no images for line {}", failed.join(", "));
    }
    Ok(())
}

/// Hands in some lines as one batch, and again until it is known that it was accepted.
async fn submit(api: &Api, user: &str, chunk: &[Line]) -> Result<Batch> {
    let jobs: Vec<_> = chunk.iter().map(|line| &line.job).collect();
    let body = json!({ "userId": user, "jobs": jobs });
    let key = Uuid::new_v4().to_string();
    for _ in 0..PATIENCE {
        match api.batch(&body, &key).await.map_err(|error| by_line(error, chunk))? {
            Answer::Said(batch) => return Ok(batch),
            Answer::Later(wait, error) => {
                eprintln!("not yet accepted, trying again in {} s: {error}", wait.as_secs());
                sleep(wait).await;
            }
        }
    }
    bail!("the server does not accept the jobs")
}

/// The same error, with the lines in the place of `jobs[3]`.
fn by_line(error: Error, chunk: &[Line]) -> Error {
    let Some(refused) = error.downcast_ref::<Refused>() else { return error };
    let faults: Option<Vec<_>> = refused
        .faults
        .iter()
        .map(|fault| {
            let (index, field) = fault.path.strip_prefix("jobs[")?.split_once(']')?;
            let number = chunk.get(index.parse::<usize>().ok()?)?.number;
            let field = field.trim_start_matches('.');
            let field = if field.is_empty() { String::new() } else { format!("{field}: ") };
            Some(format!("line {number}: {field}{}", fault.message))
        })
        .collect();
    match faults {
        Some(faults) if !faults.is_empty() => Error::msg(faults.join("\n")),
        Some(_) | None => error,
    }
}

/// A batch that has not ended, with those of its jobs that have not.
struct Open<'a> {
    id: String,
    waiting: BTreeMap<String, &'a Line>,
}

impl<'a> Open<'a> {
    fn new(batch: Batch, chunk: &'a [Line]) -> Result<Self> {
        if batch.jobs.len() != chunk.len() {
            bail!("the batch {} has {} jobs for {} lines", batch.batch_id, batch.jobs.len(), chunk.len());
        }
        let waiting = batch.jobs.into_iter().map(|job| job.job_id).zip(chunk).collect();
        Ok(Self { id: batch.batch_id, waiting })
    }
}

struct Watch<'a> {
    api: &'a Api,
    args: &'a cli::Batch,
    bar: &'a ProgressBar,
}

impl Watch<'_> {
    /// Every job by its line, once all have ended.
    async fn all(&self, mut open: Vec<Open<'_>>) -> Result<BTreeMap<usize, Job>> {
        let (mut ended, mut silent) = (BTreeMap::new(), 0);
        while !open.is_empty() {
            for batch in &mut open {
                let wait = match self.api.batch_status(&batch.id).await? {
                    Answer::Said(now) => {
                        silent = 0;
                        self.take(batch, now, &mut ended).await?;
                        Duration::ZERO
                    }
                    Answer::Later(wait, error) => {
                        silent += 1;
                        if silent >= PATIENCE {
                            return Err(error.context("no word of the jobs, which go on"));
                        }
                        wait
                    }
                };
                self.bar.set_position(ended.len() as u64);
                if !batch.waiting.is_empty() {
                    sleep(wait.max(BETWEEN)).await;
                }
            }
            open.retain(|batch| !batch.waiting.is_empty());
        }
        Ok(ended)
    }

    /// Tells of the jobs that have ended since the last time.
    async fn take(&self, batch: &mut Open<'_>, now: Batch, ended: &mut BTreeMap<usize, Job>) -> Result<()> {
        self.bar.set_message(count(now.jobs.iter().filter(|job| !job.ended())));
        for job in now.jobs {
            let Some(line) = batch.waiting.get(&job.job_id).copied().filter(|_| job.ended()) else {
                continue;
            };
            let files = match &self.args.out {
                Some(folder) => {
                    let prompt = line.job["prompt"].as_str().unwrap_or_default();
                    save::images(self.api, &job, prompt, folder).await.context(line.name())?
                }
                None => Vec::new(),
            };
            self.bar.suspend(|| self.tell(line, &job, &files))?;
            batch.waiting.remove(&job.job_id);
            ended.insert(line.number, job);
        }
        Ok(())
    }

    fn tell(&self, line: &Line, job: &Job, files: &[std::path::PathBuf]) -> Result<()> {
        if self.args.json {
            let mut shown = save::json(job, files)?;
            shown["line"] = Value::from(line.number);
            println!("{shown}");
        } else {
            println!("{}: {}", line.name(), job.story());
            save::print(job, files);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;

    #[test]
    fn a_fault_of_a_job_is_one_of_its_line() {
        let line = |number| Line { number, job: json!({}) };
        let chunk = [line(3), line(7)];
        let refused = |paths: &[&str]| {
            let faults: Vec<_> =
                paths.iter().map(|path| json!({"path": path, "message": "must be other"})).collect();
            let error = json!({"error": {"code": "X", "message": "no", "details": faults}});
            by_line(Refused::from_text(StatusCode::BAD_REQUEST, &error.to_string()).into(), &chunk)
                .to_string()
        };
        assert_eq!(
            refused(&["jobs[1].prompt", "jobs[0]"]),
            "line 7: prompt: must be other\nline 3: must be other"
        );
        assert!(refused(&["jobs[0].prompt", "userId"]).contains("userId"));
        assert!(refused(&["jobs[9].prompt"]).contains("jobs[9].prompt"));
    }
}
