//! A stand-in for midjourney-proxy and servers with its protocol.
//!
//! It refuses what the real ones refuse: a wrong secret, unknown fields, flags that the version does not
//! have, a grid that is not finished. A task advances one step whenever its state is fetched.

mod state;
mod submit;
mod tasks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use state::State;

use super::server::{Asked, Reply, Server};

pub use state::{Act, Manner, Paid};
pub use submit::code;
pub use tasks::BLUES;

/// The valid secret.
pub const SECRET: &str = "mj-canary-6b0c1f5e9d284a73";

#[derive(Debug)]
pub struct Midjourney {
    server: Server,
    state: Arc<Mutex<State>>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Midjourney {
    /// Starts it on a free port. Its grids are as large as four images of 512 by 512 pixels.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State { side: 1024, steps: steps(), ..State::default() }));
        let shared = Arc::clone(&state);
        let server = Server::start(move |asked| answer(&mut lock(&shared), asked)).await;
        server.url().clone_into(&mut lock(&state).url);
        Self { server, state }
    }

    /// Its section of the providers document.
    #[must_use]
    pub fn settings(&self) -> Value {
        json!({"baseUrl": self.server.url(), "apiSecret": SECRET})
    }

    /// Behaves like this server.
    pub fn manner(&self, manner: Manner) -> &Self {
        lock(&self.state).manner = manner;
        self
    }

    /// Does this with the next valid submission; several calls make a queue.
    pub fn next(&self, act: Act) -> &Self {
        lock(&self.state).acts.push_back(act);
        self
    }

    /// Answers this to the next fetch of a task.
    pub fn next_fetch(&self, reply: Reply) -> &Self {
        lock(&self.state).fetches.next(reply);
        self
    }

    /// Answers this to every download of an image; with `None` it sends images again.
    pub fn pictures(&self, reply: Option<Reply>) -> &Self {
        lock(&self.state).pictures.always(reply);
        self
    }

    /// The states of tasks that are submitted from now on: the fields for each fetch, in addition to those of
    /// every task; the last state stays. `LINK` in a text becomes the link to the task's image, and `HERE` this
    /// server's address.
    pub fn steps(&self, steps: Vec<Value>) -> &Self {
        lock(&self.state).steps = steps;
        self
    }

    /// Other states for the tasks of prompts with these words, for tests that share the stand-in.
    pub fn steps_upon(&self, words: &str, steps: Vec<Value>) -> &Self {
        lock(&self.state).upon.push((words.to_owned(), steps));
        self
    }

    /// The side of square grids from now on, in pixels.
    pub fn side(&self, side: u32) -> &Self {
        lock(&self.state).side = side;
        self
    }

    /// Loses all tasks, like a proxy that keeps them in memory and restarts.
    pub fn forget(&self) -> &Self {
        lock(&self.state).tasks.clear();
        self
    }

    /// Makes every task this many milliseconds older.
    pub fn age(&self, millis: i64) -> &Self {
        for task in lock(&self.state).tasks.values_mut() {
            task.submitted -= millis;
        }
        self
    }

    /// The accepted submissions, which are paid for.
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

    /// The reasons of refused submissions.
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

/// The states of a task that succeeds.
#[must_use]
pub fn steps() -> Vec<Value> {
    vec![
        json!({"status": "IN_PROGRESS", "progress": "31%"}),
        json!({"status": "SUCCESS", "progress": "100%"}),
    ]
}

fn answer(state: &mut State, asked: Asked) -> Reply {
    state.asked.push(asked.clone());
    if let Some(file) = asked.path.strip_prefix("/attachments/") {
        return state.pictures.take().unwrap_or_else(|| tasks::picture(state, file, &asked.query));
    }
    if asked.path == "/page" {
        return Reply::html(200);
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
            Reply::json(200, &all.iter().map(|id| tasks::to_json(state, id)).collect())
        }
        ("GET", path) => match path.strip_prefix("/mj/task/").and_then(|rest| rest.strip_suffix("/fetch")) {
            Some(id) => tasks::fetch(state, id),
            None => Reply::html(404),
        },
        _ => Reply::html(404),
    }
}
