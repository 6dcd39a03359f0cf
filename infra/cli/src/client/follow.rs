//! Watches a job until it has ended.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::time::sleep;

use super::api::{Answer, Api};
use super::job::Job;

/// So many answers in a row that are none, and we give up. The job goes on without us.
pub(crate) const PATIENCE: u32 = 20;
/// How long it is at least from one question to the next.
pub(crate) const BETWEEN: Duration = Duration::from_millis(600);
/// The longest that the API lets us wait for an answer.
const LONGEST: Duration = Duration::from_secs(20);
/// How often somebody who looks on sees how far it has come.
const MOVING: Duration = Duration::from_secs(3);

/// A bar that moves only where somebody sees it.
pub(crate) fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Shows how a job gets on, until it has ended.
pub(crate) async fn follow(api: &Api, mut job: Job) -> Result<Job> {
    let wait = if std::io::stderr().is_terminal() { MOVING } else { LONGEST };
    let bar = bar(100, "{spinner} {msg:10} [{bar:32}] {pos:>3} %  {elapsed}");
    let mut silent = 0;
    loop {
        bar.set_message(job.status.clone());
        bar.set_position(percent(&job.progress));
        if job.ended() {
            bar.finish_and_clear();
            return Ok(job);
        }
        let asked = Instant::now();
        let pause = match api.status(&job.job_id, wait).await? {
            Answer::Said(now) => {
                silent = 0;
                job = now;
                // The API answers at once where too many wait already.
                if job.ended() { Duration::ZERO } else { BETWEEN.saturating_sub(asked.elapsed()) }
            }
            Answer::Later(asked, error) => {
                silent += 1;
                if silent >= PATIENCE {
                    return Err(error.context(format!("no word of the job {}, which goes on", job.job_id)));
                }
                asked.max(BETWEEN)
            }
        };
        sleep(pause).await;
    }
}

fn percent(progress: &Value) -> u64 {
    progress.as_u64().unwrap_or_default().min(100)
}
