//! Watches what the server does while it makes our images.
//!
//! The server reports what it does, not for whom, and others may use it too. Its work counts as ours only if
//! all of this holds:
//!
//! - it was idle right before our request;
//! - it has started work since, and that is still the same: `job_timestamp` differs from before, and has not
//!   changed since it was first seen;
//! - the work has as many rounds and steps as we asked for.
//!
//! The same work for another client, started between our check and our request, would count as ours; nothing
//! that the server reports could prevent that. Where it reports less than this, no work is ours: no progress
//! is reported, and nothing is interrupted.

use std::time::Duration;

use domain::providers::{ImageSink, Stop};
use serde::Deserialize;

use super::server::Server;
use crate::call;

/// The row is written no more often than this.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// For each poll, and for an interruption.
const TIMEOUT: Duration = Duration::from_millis(1200);
const MAX_ANSWER_BYTES: usize = 64 * 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Progress {
    progress: f64,
    state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    skipped: bool,
    interrupted: bool,
    job_count: i64,
    job_timestamp: Option<String>,
    sampling_steps: i64,
}

impl Progress {
    fn is_idle(&self) -> bool {
        self.progress == 0.0 && self.state.job_count <= 0
    }
}

pub(super) struct ProgressWatch<'a> {
    server: &'a Server,
    rounds: i64,
    steps: i64,
    /// The `job_timestamp` before our work; `None` if the server was busy or did not answer.
    before: Option<Option<String>>,
    /// The `job_timestamp` of our work.
    ours: Option<String>,
    interrupted: bool,
}

impl<'a> ProgressWatch<'a> {
    /// Call it right before the request for so many rounds of so many steps.
    pub(super) async fn start(server: &'a Server, rounds: usize, steps: u32) -> Self {
        let idle = fetch(server).await.filter(Progress::is_idle);
        Self {
            server,
            rounds: rounds as i64,
            steps: steps.into(),
            before: idle.map(|progress| progress.state.job_timestamp),
            ours: None,
            interrupted: false,
        }
    }

    /// Reports the progress of our work until `sink` stops it.
    pub(super) async fn follow(&mut self, sink: &dyn ImageSink) -> Stop {
        loop {
            // The work's own call ends the loop: this is no wait for a condition.
            tokio::time::sleep(POLL_INTERVAL).await;
            if let Some(percent) = self.percent().await
                && let Err(stop) = sink.progress(percent).await
            {
                return stop;
            }
        }
    }

    /// Whether another client interrupted our work: its result is an unfinished image.
    pub(super) const fn was_interrupted(&self) -> bool {
        self.interrupted
    }

    /// Interrupts the work, if it is ours.
    pub(super) async fn interrupt(&mut self) {
        if self.percent().await.is_none() {
            return;
        }
        // A failure only costs the server time.
        let _ = call::send(self.server.post("/sdapi/v1/interrupt"), TIMEOUT, MAX_ANSWER_BYTES).await;
    }

    /// The progress of our work, if the server is doing it.
    async fn percent(&mut self) -> Option<u8> {
        let before = self.before.as_ref()?;
        let now = fetch(self.server).await.filter(|now| !now.is_idle())?;
        let started = now.state.job_timestamp?;
        let same = self.ours.as_ref().map_or(before.as_ref() != Some(&started), |ours| *ours == started);
        if !same || now.state.job_count != self.rounds || now.state.sampling_steps != self.steps {
            return None;
        }
        self.ours = Some(started);
        self.interrupted |= now.state.interrupted || now.state.skipped;
        Some((now.progress.clamp(0.0, 0.99) * 100.0) as u8)
    }
}

async fn fetch(server: &Server) -> Option<Progress> {
    let request = server.get("/sdapi/v1/progress", "skip_current_image=true");
    let answer = call::send(request, TIMEOUT, MAX_ANSWER_BYTES).await.ok()?;
    serde_json::from_slice(&answer.body).ok().filter(|_| answer.status.is_success())
}
