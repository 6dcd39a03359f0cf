//! Accepts or refuses submissions.

use serde_json::{Value, json};

use super::state::{Act, Manner, Paid, State, Task};
use super::tasks;
use crate::standin::server::{Asked, Reply};

/// Flags and their values in version 8.1; other versions also have `--q`.
const FLAGS: [(&str, &[&str]); 8] = [
    ("--ar", &["1:1", "7:4", "4:7", "16:9", "9:16"]),
    ("--v", &["8.1", "7", "6.1"]),
    ("--raw", &[]),
    ("--s", &["50", "250"]),
    ("--hd", &[]),
    ("--relax", &[]),
    ("--fast", &[]),
    ("--q", &["2"]),
];

/// The answer of every proxy with a code.
#[must_use]
pub fn code(code: i64, result: &Value) -> Reply {
    let body = json!({"code": code, "description": "描述", "result": result, "properties": {}});
    Reply::json(200, &body)
}

fn refuse(state: &mut State, why: String) -> Reply {
    state.refusals.push(why);
    code(4, &Value::Null)
}

/// A field's name, and whether a value is valid for it.
type Field<'a> = (&'a str, fn(&Value) -> bool);

/// The body, if it has exactly these fields, all valid.
fn body(asked: &Asked, fields: &[Field<'_>]) -> Result<Value, String> {
    if asked.header("content-type") != Some("application/json") {
        return Err("not JSON".to_owned());
    }
    let body: Value = serde_json::from_slice(&asked.body).map_err(|error| error.to_string())?;
    let object = body.as_object().ok_or("no object")?;
    for (name, value) in object {
        let (_, is_valid) =
            fields.iter().find(|(known, _)| known == name).ok_or(format!("{name}: unknown"))?;
        if !is_valid(value) {
            return Err(format!("{name}: {value}"));
        }
    }
    match fields.iter().find(|(name, _)| !object.contains_key(*name)) {
        Some((missing, _)) => Err(format!("{missing}: missing")),
        None => Ok(body),
    }
}

pub(super) fn imagine(state: &mut State, asked: &Asked) -> Reply {
    let body = match body(
        asked,
        &[
            ("prompt", |value| value.as_str().is_some_and(|prompt| !prompt.trim().is_empty())),
            ("base64Array", |value| value.as_array().is_some_and(Vec::is_empty)),
            ("botType", |value| value == "MID_JOURNEY"),
            ("state", Value::is_string),
        ],
    ) {
        Ok(body) => body,
        Err(why) => return refuse(state, why),
    };
    let prompt = body["prompt"].as_str().unwrap_or_default().to_owned();
    if let Err(why) = flags(&prompt) {
        return refuse(state, why);
    }
    if prompt.contains("bannedword") {
        let properties = json!({"promptEn": prompt, "bannedWord": "bannedword"});
        let refusal =
            json!({"code": 24, "description": "可能包含敏感词", "result": null, "properties": properties});
        return Reply::json(200, &refusal);
    }
    let task = Task::grid(state, &prompt, &body["state"]);
    accept(state, task, body)
}

/// Everything from the first flag on must be flags.
fn flags(prompt: &str) -> Result<(), String> {
    let mut words = prompt.split(' ').skip_while(|word| !word.starts_with("--")).peekable();
    let mut seen = Vec::new();
    if prompt.starts_with("http") || prompt.contains(['{', '}', '—', '\n']) {
        return Err(format!("commands in {prompt}"));
    }
    while let Some(flag) = words.next() {
        let (_, values) = FLAGS.iter().find(|(known, _)| *known == flag).ok_or(format!("unknown {flag}"))?;
        let value = words.next_if(|word| !word.starts_with("--"));
        match value {
            Some(value) if values.contains(&value) => {}
            None if values.is_empty() => {}
            _ => return Err(format!("{flag} {value:?}")),
        }
        if seen.contains(&flag) {
            return Err(format!("{flag} twice"));
        }
        seen.push(flag);
    }
    let of_version_8 = prompt.contains("--v 8.1");
    if seen.contains(&"--hd") && !of_version_8 || seen.contains(&"--q") && of_version_8 {
        return Err("a flag of another version".to_owned());
    }
    if seen.contains(&"--ar") { Ok(()) } else { Err("no ratio".to_owned()) }
}

pub(super) fn change(state: &mut State, asked: &Asked) -> Reply {
    let body = match body(
        asked,
        &[
            ("taskId", Value::is_string),
            ("action", |value| value == "UPSCALE"),
            ("index", |value| value.as_u64().is_some_and(|index| (1..=4).contains(&index))),
            ("state", Value::is_string),
        ],
    ) {
        Ok(body) => body,
        Err(why) => return refuse(state, why),
    };
    let parent = body["taskId"].as_str().unwrap_or_default().to_owned();
    let Some(grid) = state.tasks.get(&parent) else {
        let status = if state.manner == Manner::Trueai { 404 } else { 200 };
        return Reply::json(status, &json!({"code": 3, "description": "关联任务不存在", "result": null}));
    };
    if !grid.is_done() {
        return refuse(state, "the grid is not done".to_owned());
    }
    let index = body["index"].as_u64().unwrap_or_default();
    if let Some(id) = tasks::upscale_of(state, &parent, index) {
        let found = tasks::to_json(state, &id);
        let properties = json!({"status": found["status"], "imageUrl": found["imageUrl"]});
        return Reply::json(
            200,
            &json!({"code": 21, "description": "已存在", "result": id, "properties": properties}),
        );
    }
    let task = Task::upscale(state, &parent, index, &body["state"]);
    accept(state, task, body)
}

fn accept(state: &mut State, task: Task, body: Value) -> Reply {
    let act = state.acts.pop_front();
    if let Some(Act::Answer(reply)) = act {
        return reply;
    }
    let id = format!("1730000000{:06}", state.paid.len() + 1);
    state.tasks.insert(id.clone(), task);
    state.paid.push(Paid { task: id.clone(), body });
    match act {
        Some(Act::Spoil(reply)) => reply,
        _ => code(1, &id.into()),
    }
}
