//! Tasks and their images.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use super::state::{Manner, State};
use crate::standin::server::Reply;

/// The blue of each of the four images of a grid, which identifies it.
pub const BLUES: [u8; 4] = [30, 90, 150, 210];

pub(super) fn upscale_of(state: &State, grid: &str, index: u64) -> Option<String> {
    let found = state.tasks.iter().find(|(_, task)| task.of == Some((grid.to_owned(), index)));
    found.map(|(id, _)| id.clone())
}

/// The description of a task.
pub(super) fn to_json(state: &State, id: &str) -> Value {
    let Some(task) = state.tasks.get(id) else { return Value::Null };
    let picture = format!("{}/attachments/{id}.png?ex=1&is=2&hm=canary-signature", state.url);
    let mut described = json!({
        "id": id, "action": task.action, "status": "SUBMITTED", "progress": "0%", "prompt": task.prompt,
        "promptEn": task.prompt, "description": format!("/imagine {}", task.prompt), "state": task.state,
        "submitTime": task.submitted, "startTime": task.submitted, "finishTime": null,
        "imageUrl": picture, "failReason": null, "properties": {"finalPrompt": task.prompt},
    });
    if let (Some(fields), Some(now)) = (described.as_object_mut(), task.now().as_object()) {
        fields.extend(now.clone());
    }
    // No prompt has these words.
    let text = described.to_string().replace("LINK", &picture).replace("HERE", &state.url);
    serde_json::from_str(&text).unwrap_or(described)
}

pub(super) fn fetch(state: &mut State, id: &str) -> Reply {
    if let Some(reply) = state.fetches.take() {
        return reply;
    }
    if !state.tasks.contains_key(id) {
        let status = if state.manner == Manner::Trueai { 204 } else { 200 };
        return Reply::new(status, "application/json", "");
    }
    let described = to_json(state, id);
    if let Some(task) = state.tasks.get_mut(id) {
        task.step += 1;
    }
    Reply::json(200, &described)
}

/// The image of a task: without blue until the task is finished, and none without the link's signature.
pub(super) fn picture(state: &State, file: &str, query: &str) -> Reply {
    let task = file.strip_suffix(".png").and_then(|id| state.tasks.get(id));
    let Some(task) = task.filter(|_| query == "ex=1&is=2&hm=canary-signature") else {
        return Reply::html(404);
    };
    // The fetch that reported the end has advanced the task by one more step.
    let done = task.steps.iter().take(task.step).any(|step| step["status"] == "SUCCESS") || task.is_done();
    let (width, height) = task.size;
    let blue = |x: u32, y: u32| match &task.of {
        _ if !done => 0,
        Some((_, index)) => BLUES[*index as usize - 1],
        None => BLUES[usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2)],
    };
    // With grain like a real drawing: its file has about one byte per pixel.
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let grain = (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
        let [.., first, second] = grain.to_le_bytes();
        Rgb([(x % 240) as u8 + (first >> 4), (y % 240) as u8 + (second >> 4), blue(x, y)])
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).expect("an image can be encoded");
    Reply::new(200, "image/png", bytes.into_inner())
}
