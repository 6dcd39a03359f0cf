//! Looks at what the server is doing while it makes our pictures.
//!
//! The server tells what it does, not for whom, and others may use it too. What it does is taken to be
//! ours if all of this holds:
//!
//! - it did nothing when it was looked at right before we asked;
//! - it has begun something since, and that is still the same: `job_timestamp` is another one than
//!   before, and has not changed after it was first seen;
//! - it has as many rounds and steps as we asked for.
//!
//! Somebody else's work of the very same measures that begins between our look and our request would be
//! taken for ours; nothing that the server tells could prevent that. Where it tells less than this,
//! nothing is ours: no progress is told, and nothing is interrupted.

use std::time::Duration;

use domain::ports::{ImageSink, Stop};
use egress::Method;
use serde::Deserialize;

use super::Automatic1111;
use crate::call;

/// How often it looks. The row is written no more often.
const EVERY: Duration = Duration::from_secs(2);
/// How long a look may take, and an interruption.
const PATIENCE: Duration = Duration::from_millis(1200);
const LARGEST_ANSWER: usize = 64 * 1024;

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

/// What is known of the server's work.
pub(super) struct Watch<'a> {
    server: &'a Automatic1111,
    rounds: i64,
    steps: i64,
    /// When the work before ours had begun; nothing, if the server was busy or did not tell.
    before: Option<Option<String>>,
    /// When our work began.
    ours: Option<String>,
    interrupted: bool,
}

impl<'a> Watch<'a> {
    /// To be called right before the server is asked for so many rounds of so many steps.
    pub(super) async fn begin(server: &'a Automatic1111, rounds: usize, steps: u32) -> Self {
        let idle = look(server).await.filter(Progress::is_idle);
        Self {
            server,
            rounds: rounds as i64,
            steps: steps.into(),
            before: idle.map(|progress| progress.state.job_timestamp),
            ours: None,
            interrupted: false,
        }
    }

    /// Tells how far our work has come, until nobody wants to know.
    pub(super) async fn follow(&mut self, sink: &dyn ImageSink) -> Stop {
        loop {
            // A look beside the call that is under way, not a wait for something to do.
            tokio::time::sleep(EVERY).await;
            if let Some(percent) = self.percent().await
                && let Err(stop) = sink.progress(percent).await
            {
                return stop;
            }
        }
    }

    /// Whether somebody ended our work before its time: what has come of it is half a picture.
    pub(super) const fn was_interrupted(&self) -> bool {
        self.interrupted
    }

    /// Ends the work, if it is ours.
    pub(super) async fn interrupt(&mut self) {
        if self.percent().await.is_none() {
            return;
        }
        let url = self.server.settings.base_url.at("/sdapi/v1/interrupt");
        let request = self.server.request(Method::POST, &url);
        // Nothing depends on it but the server's time.
        let _ = call::ask(request, PATIENCE, LARGEST_ANSWER).await;
    }

    /// How far our work has come, if the server is at it.
    async fn percent(&mut self) -> Option<u8> {
        let before = self.before.as_ref()?;
        let now = look(self.server).await.filter(|now| !now.is_idle())?;
        let begun = now.state.job_timestamp?;
        let same = self.ours.as_ref().map_or(before.as_ref() != Some(&begun), |ours| *ours == begun);
        if !same || now.state.job_count != self.rounds || now.state.sampling_steps != self.steps {
            return None;
        }
        self.ours = Some(begun);
        self.interrupted |= now.state.interrupted || now.state.skipped;
        Some((now.progress.clamp(0.0, 0.99) * 100.0) as u8)
    }
}

async fn look(server: &Automatic1111) -> Option<Progress> {
    let mut url = server.settings.base_url.at("/sdapi/v1/progress");
    url.set_query(Some("skip_current_image=true"));
    let answer = call::ask(server.request(Method::GET, &url), PATIENCE, LARGEST_ANSWER).await.ok()?;
    serde_json::from_slice(&answer.body).ok().filter(|_| answer.status.is_success())
}
