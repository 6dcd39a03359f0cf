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
    while left > 0 {
        let mut query = vec![("limit", left.min(PAGE).to_string())];
        query.extend(args.user.map(|user| ("userId", user.to_string())));
        query.extend(args.status.clone().map(|status| ("status", status)));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page = api.jobs(&query).await?;
        for job in page.jobs.iter().take(left) {
            if args.json {
                println!("{}", serde_json::to_string(job)?);
            } else {
                println!("{}", line(job));
            }
        }
        left = left.saturating_sub(page.jobs.len());
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(())
}

fn line(job: &Job) -> String {
    let created = job.rest["createdAt"].as_str().unwrap_or("-");
    let images = job.images().len();
    let images = if images > 0 { format!(", images: {images}") } else { String::new() };
    let percent = job.progress.as_u64().filter(|_| !job.ended());
    let progress = percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
    format!("{}  {created}  {}{progress}{images}", job.job_id, job.story())
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
