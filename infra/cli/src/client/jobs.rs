//! `semantest jobs`, `watch` and `cancel`.

use anyhow::{Context as _, Result};

use super::api::{Answer, Api};
use super::follow::follow;
use super::job::Job;
use super::{save, target};
use crate::cli;

/// The most jobs that the API lists at once.
const PAGE: usize = 100;

/// Lists jobs, the newest first.
pub(crate) async fn list(args: cli::Jobs) -> Result<()> {
    let (api, _) = target::resolve(&args.target).await?;
    let (mut left, mut cursor) = (args.limit, None);
    let mut shown = Vec::new();
    while left > 0 {
        let mut query = vec![("limit", left.min(PAGE).to_string())];
        query.extend(args.user.map(|user| ("userId", user.to_string())));
        query.extend(args.status.clone().map(|status| ("status", status)));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page = api.jobs(&query).await?;
        let jobs: Vec<_> = page.jobs.into_iter().take(left).collect();
        for job in &jobs {
            if args.json {
                println!("{}", serde_json::to_string(job)?);
            } else {
                println!("{}", line(job));
            }
        }
        left -= jobs.len();
        shown.extend(jobs);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if !args.json && !shown.is_empty() {
        println!("{}", sum(&shown));
    }
    Ok(())
}

/// How many jobs and images these are, and what they cost in all.
fn sum(jobs: &[Job]) -> String {
    let images: usize = jobs.iter().map(|job| job.images().len()).sum();
    // Summed in whole millionths: parts of a cent must not get lost in a long list.
    let micros: u64 = jobs.iter().map(Job::cost_micros).sum();
    format!("{} jobs, {images} images, USD {}.{:06}", jobs.len(), micros / 1_000_000, micros % 1_000_000)
}

fn line(job: &Job) -> String {
    let created = job.rest["createdAt"].as_str().unwrap_or("-");
    let images = job.images().len();
    let images = if images > 0 { format!(", images: {images}") } else { String::new() };
    let cost = job.cost_micros() as f64 / 1e6;
    let cost = if cost > 0.0 { format!(", USD {cost}") } else { String::new() };
    let percent = job.progress.as_u64().filter(|_| !job.ended());
    let progress = percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
    format!("{}  {created}  {}{progress}{images}{cost}", job.job_id, job.story())
}

/// Watches a job until it has ended.
pub(crate) async fn watch(args: cli::Watch) -> Result<()> {
    let (api, _) = target::resolve(&args.target).await?;
    let job = follow(&api, now(&api, &args.job.to_string()).await?).await?;
    let files = match &args.out {
        Some(folder) => save::images(&api, &job, "", folder).await?,
        None => Vec::new(),
    };
    save::tell(&job, &files, args.json)
}

async fn now(api: &Api, job: &str) -> Result<Job> {
    match api.status(job, std::time::Duration::ZERO).await? {
        Answer::Said(job) => Ok(job),
        Answer::Later(_, error) => Err(error).context("the job's state cannot be read"),
    }
}

/// Ends a job.
pub(crate) async fn cancel(args: cli::Cancel) -> Result<()> {
    let (api, _) = target::resolve(&args.target).await?;
    api.cancel(&args.job.to_string()).await?;
    println!("cancelled {}", args.job);
    Ok(())
}
