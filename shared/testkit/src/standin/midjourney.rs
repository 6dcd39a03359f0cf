//! Stands in for midjourney-proxy and the servers that speak its protocol.
//!
//! It refuses what the real ones refuse: a wrong secret, fields that it does not know, flags that the
//! version does not have, a grid that is not done. A task comes one step further whenever somebody asks
//! how it stands.

mod submit;
mod tasks;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::server::{Asked, Reply, Script, Server};
pub use tasks::BLUES;
use tasks::Task;

/// The secret that it wants.
pub const SECRET: &str = "mj-canary-6b0c1f5e9d284a73";

/// Whose ways it has, where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// The first one: a wrong secret is 401 without a body, an unknown task 200 without a body.
    #[default]
    Novicezk,
    /// Its successor: 403 with text, 204, and 404 for a grid that is not there.
    Trueai,
}

/// What it does with a submission instead of what it is asked.
#[derive(Debug, Clone)]
pub enum Act {
    /// It answers this, and does nothing else.
    Answer(Reply),
    /// It takes the task, which is paid for, but answers this.
    Spoil(Reply),
}

/// A submission that it took, and that is paid for.
#[derive(Debug, Clone)]
pub struct Paid {
    /// The task that came of it.
    pub task: String,
    /// Its body.
    pub body: Value,
}

#[derive(Debug, Default)]
struct State {
    manner: Manner,
    acts: VecDeque<Act>,
    fetches: Script,
    pictures: Script,
    tasks: BTreeMap<String, Task>,
    paid: Vec<Paid>,
    refusals: Vec<String>,
    asked: Vec<Asked>,
    steps: Vec<Value>,
    side: u32,
    url: String,
}

/// The stand-in.
#[derive(Debug)]
pub struct Midjourney {
    server: Server,
    state: Arc<Mutex<State>>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Midjourney {
    /// Starts it, on a port of its own. Its grids are as large as four pictures of 512 by 512.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State { side: 1024, steps: steps(), ..State::default() }));
        let shared = Arc::clone(&state);
        let server = Server::start(move |asked| answer(&mut lock(&shared), asked)).await;
        server.url().clone_into(&mut lock(&state).url);
        Self { server, state }
    }

    /// What the providers document says of it.
    #[must_use]
    pub fn settings(&self) -> Value {
        json!({"baseUrl": self.server.url(), "apiSecret": SECRET})
    }

    /// Has it behave like that one.
    pub fn manner(&self, manner: Manner) -> &Self {
        lock(&self.state).manner = manner;
        self
    }

    /// Has it do this with the next submission that is valid; the next time the next of these.
    pub fn next(&self, act: Act) -> &Self {
        lock(&self.state).acts.push_back(act);
        self
    }

    /// Has the next question how a task stands answered so.
    pub fn next_fetch(&self, reply: Reply) -> &Self {
        lock(&self.state).fetches.next(reply);
        self
    }

    /// Has every picture that is fetched answered so; with none, it gives pictures again.
    pub fn pictures(&self, reply: Option<Reply>) -> &Self {
        lock(&self.state).pictures.always(reply);
        self
    }

    /// Which way tasks go that are submitted from now on: what each question how they stand is told
    /// beside what is always told, the last for ever.
    pub fn steps(&self, steps: Vec<Value>) -> &Self {
        lock(&self.state).steps = steps;
        self
    }

    /// How many pixels the side of a square grid has from now on.
    pub fn side(&self, side: u32) -> &Self {
        lock(&self.state).side = side;
        self
    }

    /// Loses all tasks, as one does that keeps them in memory and is started anew.
    pub fn forget(&self) -> &Self {
        lock(&self.state).tasks.clear();
        self
    }

    /// Makes every task that many milliseconds older than it is.
    pub fn age(&self, millis: i64) -> &Self {
        for task in lock(&self.state).tasks.values_mut() {
            task.submitted -= millis;
        }
        self
    }

    /// The submissions that it took, and that are paid for.
    #[must_use]
    pub fn paid(&self) -> Vec<Paid> {
        lock(&self.state).paid.clone()
    }

    /// The prompts of all grids that are paid for.
    #[must_use]
    pub fn prompts(&self) -> Vec<String> {
        let prompt = |paid: &Paid| paid.body["prompt"].as_str().map(str::to_owned);
        self.paid().iter().filter_map(prompt).collect()
    }

    /// Why it has refused submissions by its own rules.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        lock(&self.state).refusals.clone()
    }

    /// Every request, valid or not.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.state).asked.clone()
    }
}

/// The way of a task that goes well. A picture that is not done comes along with it.
#[must_use]
pub fn steps() -> Vec<Value> {
    vec![
        json!({"status": "IN_PROGRESS", "progress": "31%"}),
        json!({"status": "SUCCESS", "progress": "100%"}),
    ]
}

/// What all of them say with a code.
#[must_use]
pub fn code(code: i64, result: &Value) -> Reply {
    let body = json!({"code": code, "description": "描述", "result": result, "properties": {}});
    Reply::json(200, &body)
}

fn answer(state: &mut State, asked: Asked) -> Reply {
    state.asked.push(asked.clone());
    if let Some(file) = asked.path.strip_prefix("/attachments/") {
        return state.pictures.take().unwrap_or_else(|| tasks::picture(state, file, &asked.query));
    }
    if asked.header("mj-api-secret") != Some(SECRET) {
        return match state.manner {
            Manner::Novicezk => Reply::new(401, "text/plain", ""),
            Manner::Trueai => Reply::new(403, "text/plain", "Forbidden"),
        };
    }
    match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/mj/submit/imagine") => submit::imagine(state, &asked),
        ("POST", "/mj/submit/change") => submit::change(state, &asked),
        ("GET", "/mj/task/list") => {
            let all: Vec<_> = state.tasks.keys().cloned().collect();
            Reply::json(200, &all.iter().map(|id| tasks::told(state, id)).collect())
        }
        ("GET", path) => match path.strip_prefix("/mj/task/").and_then(|rest| rest.strip_suffix("/fetch")) {
            Some(id) => tasks::fetch(state, id),
            None => Reply::html(404),
        },
        _ => Reply::html(404),
    }
}
