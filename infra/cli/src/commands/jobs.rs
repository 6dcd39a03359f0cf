//! `semantest jobs`, `watch` and `cancel`.

use anyhow::{Context as _, Result};

use crate::cli;
use crate::client::api::{Api, ApiResponse};
use crate::client::poll::follow;
use crate::client::responses::Job;
use crate::client::save;
use crate::client::target::{self, IfStopped};
use crate::interrupts::Interrupts;
use crate::output;

/// The API's maximum number of jobs in a page.
const MAX_PAGE: usize = 100;

/// Lists jobs, newest first.
pub(crate) async fn list(args: cli::Jobs) -> Result<()> {
    let (api, _) = target::resolve(&args.target, IfStopped::Fail).await?;
    let (mut left, mut cursor) = (args.limit, None);
    let mut listed = Vec::new();
    while left > 0 {
        let mut query = vec![("limit", left.min(MAX_PAGE).to_string())];
        query.extend(args.user.map(|user| ("userId", user.to_string())));
        query.extend(args.status.clone().map(|status| ("status", status)));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page = api.jobs(&query).await?;
        let jobs: Vec<_> = page.jobs.into_iter().take(left).collect();
        for job in &jobs {
            if args.json {
                output::line(serde_json::to_string(job)?);
            } else {
                output::line(job_line(job));
            }
        }
        left -= jobs.len();
        listed.extend(jobs);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    match (args.json, listed.is_empty()) {
        (true, _) => {}
        (false, true) => output::note("no jobs"),
        (false, false) => output::line(totals(&listed)),
    }
    Ok(())
}

/// The number of jobs and images, and their total cost.
fn totals(jobs: &[Job]) -> String {
    let images: usize = jobs.iter().map(|job| job.images().len()).sum();
    // Summed as integers, so that no fraction of a cent is lost in a long list.
    let micros: u64 = jobs.iter().map(Job::cost_micros).sum();
    format!("{} jobs, {images} images, USD {}.{:06}", jobs.len(), micros / 1_000_000, micros % 1_000_000)
}

fn job_line(job: &Job) -> String {
    let created = job.rest["createdAt"].as_str().unwrap_or("-");
    let images = job.images().len();
    let images = if images > 0 { format!(", images: {images}") } else { String::new() };
    let cost = job.cost_micros() as f64 / 1e6;
    let cost = if cost > 0.0 { format!(", USD {cost}") } else { String::new() };
    let percent = job.progress.as_u64().filter(|_| !job.ended());
    let progress = percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
    format!("{}  {created}  {}{progress}{images}{cost}", job.job_id, job.summary())
}

/// Polls a job until it has ended, and prints it.
pub(crate) async fn watch(args: cli::Watch) -> Result<()> {
    if let Some(folder) = &args.out {
        save::prepare(folder)?;
    }
    let (api, _) = target::resolve(&args.target, IfStopped::Fail).await?;
    let mut interrupts = Interrupts::listen()?;
    let job = follow(&api, current(&api, &args.job.to_string()).await?, &mut interrupts).await?;
    let files = match &args.out {
        Some(folder) => save::save_images(&api, &job, "", folder).await?,
        None => Vec::new(),
    };
    save::print_job(&job, &files, args.json)
}

async fn current(api: &Api, job: &str) -> Result<Job> {
    match api.status(job, std::time::Duration::ZERO).await? {
        ApiResponse::Success(job) => Ok(job),
        ApiResponse::RetryAfter(_, error) => Err(error).context("the job's status cannot be read"),
    }
}

pub(crate) async fn cancel(args: cli::Cancel) -> Result<()> {
    let (api, _) = target::resolve(&args.target, IfStopped::Fail).await?;
    api.cancel(&args.job.to_string()).await?;
    output::line(format_args!("cancelled {}", args.job));
    Ok(())
}
