//! Polls a job until it has ended.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::time::sleep;

use super::api::{Api, ApiResponse};
use super::responses::Job;
use crate::interrupts::Interrupts;
use crate::output;

/// After this many failed requests in a row, the command gives up. The job itself continues.
pub(crate) const MAX_FAILED_REQUESTS: u32 = 20;
/// The minimum time between two requests.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(600);
/// The API's maximum for `Prefer: wait`.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// The wait on a terminal, where the progress bar should move more often.
const TERMINAL_WAIT: Duration = Duration::from_secs(3);

/// A progress bar, which is drawn only on a terminal.
pub(crate) fn progress_bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Shows the progress of a job until it has ended, and returns it. At an interrupt, says how to watch and how
/// to cancel the job.
pub(crate) async fn follow(api: &Api, job: Job, interrupts: &mut Interrupts) -> Result<Job> {
    let goes_on = going_on(&job.job_id);
    interrupts.unless(poll_until_ended(api, job), || goes_on).await
}

fn going_on(job: &str) -> String {
    format!("the job {job} goes on\n  semantest watch {job}\n  semantest cancel {job}")
}

async fn poll_until_ended(api: &Api, mut job: Job) -> Result<Job> {
    let wait = if std::io::stderr().is_terminal() { TERMINAL_WAIT } else { MAX_WAIT };
    let bar = progress_bar(100, "{spinner} {msg:10} [{bar:32}] {pos:>3} %  {elapsed}");
    let mut failed_requests = 0;
    let mut waiting = None;
    loop {
        bar.set_message(job.status.clone());
        let reason = job.waiting_for.as_ref().map(|now| (now.reason.clone(), now.provider.clone()));
        if reason != waiting {
            // Once for each reason, above the bar and also where there is no terminal.
            if let Some(now) = &job.waiting_for {
                bar.suspend(|| output::note(format_args!("the job {} {}", job.job_id, now.summary())));
            }
            waiting = reason;
        }
        bar.set_position(percent(&job.progress));
        if job.ended() {
            bar.finish_and_clear();
            return Ok(job);
        }
        let requested = Instant::now();
        let pause = match api.status(&job.job_id, wait).await? {
            ApiResponse::Success(current) => {
                failed_requests = 0;
                job = current;
                // The API answers before `wait` has passed if too many requests are waiting already.
                if job.ended() { Duration::ZERO } else { POLL_INTERVAL.saturating_sub(requested.elapsed()) }
            }
            ApiResponse::RetryAfter(delay, error) => {
                failed_requests += 1;
                if failed_requests >= MAX_FAILED_REQUESTS {
                    return Err(error.context(format!(
                        "the status of the job {} cannot be read; the job continues",
                        job.job_id
                    )));
                }
                delay.max(POLL_INTERVAL)
            }
        };
        sleep(pause).await;
    }
}

fn percent(progress: &Value) -> u64 {
    progress.as_u64().unwrap_or_default().min(100)
}
