//! Tasks, and the pictures that come of them.

use std::io::Cursor;
use std::time::{SystemTime, UNIX_EPOCH};

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use super::{Manner, State};
use crate::standin::server::Reply;

/// The blue of the four pictures of a grid, by which they can be told apart.
pub const BLUES: [u8; 4] = [30, 90, 150, 210];

#[derive(Debug, Clone)]
pub(super) struct Task {
    action: &'static str,
    prompt: String,
    state: Value,
    /// Of an enlarged picture, the grid and which of it, from 1.
    of: Option<(String, u64)>,
    size: (u32, u32),
    steps: Vec<Value>,
    step: usize,
    pub(super) submitted: i64,
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64)
}

impl Task {
    fn new(state: &State, action: &'static str, told: &Value) -> Self {
        Self {
            action,
            prompt: String::new(),
            state: told.clone(),
            of: None,
            size: (0, 0),
            steps: state.steps.clone(),
            step: 0,
            submitted: now(),
        }
    }

    pub(super) fn grid(state: &State, prompt: &str, told: &Value) -> Self {
        let size = grid_size(prompt, state.side);
        Self { prompt: prompt.to_owned(), size, ..Self::new(state, "IMAGINE", told) }
    }

    pub(super) fn upscale(state: &State, grid: &str, index: u64, told: &Value) -> Self {
        let size = state.tasks.get(grid).map_or((0, 0), |grid| grid.size);
        Self { of: Some((grid.to_owned(), index)), size, ..Self::new(state, "UPSCALE", told) }
    }

    fn now(&self) -> Value {
        self.steps.get(self.step.min(self.steps.len() - 1)).cloned().unwrap_or_default()
    }

    pub(super) fn is_done(&self) -> bool {
        self.now()["status"] == "SUCCESS"
    }
}

/// About as many pixels as a square of that side, in the ratio that the prompt asks for, and as odd as
/// Midjourney's own.
fn grid_size(prompt: &str, side: u32) -> (u32, u32) {
    let ratio = prompt.split("--ar ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or("1:1");
    let (width, height) = ratio.split_once(':').unwrap_or(("1", "1"));
    let ratio = width.parse::<f64>().unwrap_or(1.0) / height.parse::<f64>().unwrap_or(1.0);
    let sides = [f64::from(side) * ratio.sqrt(), f64::from(side) / ratio.sqrt()];
    let [width, height] = sides.map(|side| (side / 16.0).round() as u32 * 16);
    (width, height)
}

pub(super) fn upscale_of(state: &State, grid: &str, index: u64) -> Option<String> {
    let found = state.tasks.iter().find(|(_, task)| task.of == Some((grid.to_owned(), index)));
    found.map(|(id, _)| id.clone())
}

/// What is told of a task.
pub(super) fn told(state: &State, id: &str) -> Value {
    let Some(task) = state.tasks.get(id) else { return Value::Null };
    let picture = format!("{}/attachments/{id}.png?ex=1&is=2&hm=canary-signature", state.url);
    let mut told = json!({
        "id": id, "action": task.action, "status": "SUBMITTED", "progress": "0%", "prompt": task.prompt,
        "promptEn": task.prompt, "description": format!("/imagine {}", task.prompt), "state": task.state,
        "submitTime": task.submitted, "startTime": task.submitted, "finishTime": null,
        "imageUrl": picture, "failReason": null, "properties": {"finalPrompt": task.prompt},
    });
    if let (Some(told), Some(now)) = (told.as_object_mut(), task.now().as_object()) {
        told.extend(now.clone());
    }
    told
}

pub(super) fn fetch(state: &mut State, id: &str) -> Reply {
    if let Some(reply) = state.fetches.take() {
        return reply;
    }
    if !state.tasks.contains_key(id) {
        let status = if state.manner == Manner::Trueai { 204 } else { 200 };
        return Reply::new(status, "application/json", "");
    }
    let told = told(state, id);
    if let Some(task) = state.tasks.get_mut(id) {
        task.step += 1;
    }
    Reply::json(200, &told)
}

/// The picture of a task: a blurred one until the task is done, and none without the link's signature.
pub(super) fn picture(state: &State, file: &str, query: &str) -> Reply {
    let task = file.strip_suffix(".png").and_then(|id| state.tasks.get(id));
    let Some(task) = task.filter(|_| query == "ex=1&is=2&hm=canary-signature") else {
        return Reply::html(404);
    };
    // Whoever was told that it is done has made the task go one step further.
    let done = task.steps.iter().take(task.step).any(|step| step["status"] == "SUCCESS") || task.is_done();
    let (width, height) = task.size;
    let blue = |x: u32, y: u32| match &task.of {
        _ if !done => 0,
        Some((_, index)) => BLUES[*index as usize - 1],
        None => BLUES[usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2)],
    };
    // With grain, as what is really drawn has: its file has about a byte for a pixel.
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let grain = (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
        let [.., first, second] = grain.to_le_bytes();
        Rgb([(x % 240) as u8 + (first >> 4), (y % 240) as u8 + (second >> 4), blue(x, y)])
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).expect("a picture can be encoded");
    Reply::new(200, "image/png", bytes.into_inner())
}
