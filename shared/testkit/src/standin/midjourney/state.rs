//! What a test has told the stand-in to do, and what it remembers.

use std::collections::{BTreeMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::standin::server::{Asked, Reply, Script};

/// The server that it behaves like, where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// The first one: a wrong secret is 401 without a body, an unknown task 200 without a body.
    #[default]
    Novicezk,
    /// Its successor: a wrong secret is 403 with text, an unknown task 204, an unknown grid 404.
    Trueai,
}

/// What it does with a submission instead of the request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sends this answer, and does nothing else.
    Answer(Reply),
    /// Accepts the task, which is paid for, but sends this answer.
    Spoil(Reply),
}

/// An accepted submission, which is paid for.
#[derive(Debug, Clone)]
pub struct Paid {
    /// The id of its task.
    pub task: String,
    pub body: Value,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) manner: Manner,
    pub(super) acts: VecDeque<Act>,
    pub(super) fetches: Script,
    pub(super) pictures: Script,
    pub(super) tasks: BTreeMap<String, Task>,
    pub(super) paid: Vec<Paid>,
    pub(super) refusals: Vec<String>,
    pub(super) asked: Vec<Asked>,
    pub(super) steps: Vec<Value>,
    /// Other steps for prompts with these words.
    pub(super) upon: Vec<(String, Vec<Value>)>,
    pub(super) side: u32,
    pub(super) url: String,
}

#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) action: &'static str,
    pub(super) prompt: String,
    pub(super) state: Value,
    /// The grid of an upscale, and the image's number in it, from 1.
    pub(super) of: Option<(String, u64)>,
    pub(super) size: (u32, u32),
    pub(super) steps: Vec<Value>,
    pub(super) step: usize,
    /// In Unix ms.
    pub(super) submitted: i64,
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64)
}

impl Task {
    fn new(state: &State, action: &'static str, job: &Value) -> Self {
        Self {
            action,
            prompt: String::new(),
            state: job.clone(),
            of: None,
            size: (0, 0),
            steps: state.steps.clone(),
            step: 0,
            submitted: now(),
        }
    }

    pub(super) fn grid(state: &State, prompt: &str, job: &Value) -> Self {
        let size = grid_size(prompt, state.side);
        let mut task = Self { prompt: prompt.to_owned(), size, ..Self::new(state, "IMAGINE", job) };
        if let Some((_, steps)) = state.upon.iter().find(|(words, _)| prompt.contains(words.as_str())) {
            task.steps.clone_from(steps);
        }
        task
    }

    pub(super) fn upscale(state: &State, grid: &str, index: u64, job: &Value) -> Self {
        let size = state.tasks.get(grid).map_or((0, 0), |grid| grid.size);
        Self { of: Some((grid.to_owned(), index)), size, ..Self::new(state, "UPSCALE", job) }
    }

    pub(super) fn now(&self) -> Value {
        self.steps.get(self.step.min(self.steps.len() - 1)).cloned().unwrap_or_default()
    }

    pub(super) fn is_done(&self) -> bool {
        self.now()["status"] == "SUCCESS"
    }
}

/// About as many pixels as a square of that side, in the prompt's ratio, with uneven sides like Midjourney's.
fn grid_size(prompt: &str, side: u32) -> (u32, u32) {
    let ratio = prompt.split("--ar ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or("1:1");
    let (width, height) = ratio.split_once(':').unwrap_or(("1", "1"));
    let ratio = width.parse::<f64>().unwrap_or(1.0) / height.parse::<f64>().unwrap_or(1.0);
    let sides = [f64::from(side) * ratio.sqrt(), f64::from(side) / ratio.sqrt()];
    let [width, height] = sides.map(|side| (side / 16.0).round() as u32 * 16);
    (width, height)
}
