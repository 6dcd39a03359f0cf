//! OpenAI, and services that speak its language: pictures, chats and the list of models.
//!
//! It refuses what the real one refuses: a wrong key, a field that the model does not have, a size or
//! quality that it does not know. Only then does it do what a test has told it to do.

mod chat;
mod images;
mod models;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::server::{Asked, Reply, Server};

/// The key that it takes.
pub const KEY: &str = "sk-canary-4f1d8a06c3b94e7f";

/// What it does instead of what it is asked.
#[derive(Debug, Clone)]
pub enum Act {
    /// It answers this, and does nothing else.
    Answer(Reply),
    /// It does as asked, which is paid for, but answers this.
    Spoil(Reply),
    /// It does as asked, but its answer never comes.
    Silence,
    /// It does as asked, but stops in the middle of its answer.
    Stall,
    /// It does as asked, but breaks off in the middle of its answer.
    BreakOff,
    /// Pictures: gives URLs, whatever was asked for.
    ByUrl,
    /// Pictures: gives URLs that are forbidden by now.
    ByLapsedUrl,
    /// Pictures: gives this URL.
    ByForeignUrl(String),
    /// Pictures: one less than asked for.
    OneLess,
    /// Pictures: none at all.
    None,
    /// Pictures: items without any.
    EmptyItems,
    /// Pictures: what is not base64.
    BadBase64,
    /// Pictures: base64 of what is no picture.
    NoPicture,
    /// Pictures: of another size than asked for.
    Sized(u32, u32),
    /// Pictures: JPEG, whatever was asked for.
    Jpeg,
    /// Pictures: does not say what they cost.
    NoUsage,
    /// Chats: refuses in the field for that.
    Refusal,
    /// Chats: has thought until its tokens were used up.
    Thought,
    /// Chats: says half, and why.
    Cut(&'static str),
    /// Chats: says nothing of how it ended, as Ollama may.
    NoFinish,
}

impl Act {
    /// It fails with this status and this `error`.
    #[must_use]
    pub fn error(status: u16, error: &Value) -> Self {
        Self::Answer(Reply::json(status, &json!({ "error": error })))
    }
}

/// What it remembers.
#[derive(Default)]
struct State {
    next: VecDeque<Act>,
    always: Option<Act>,
    upon: Vec<(String, usize, Act)>,
    withdrawn: BTreeSet<String>,
    list: Option<Reply>,
    requests: Vec<Value>,
    refusals: Vec<String>,
    fetches: Vec<Asked>,
    pictures: Vec<Vec<u8>>,
    unavailable: usize,
    paid_calls: usize,
    paid_pictures: usize,
}

/// The server.
pub struct OpenAi {
    server: Server,
    state: Arc<Mutex<State>>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OpenAi {
    /// Starts it, on a port of its own.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| answer(&mut lock(&shared), request)).await;
        Self { server, state }
    }

    /// Its base URL, as it stands in a providers document.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.server.url())
    }

    /// Lets it do this instead, once; the next time the next of these.
    pub fn next(&self, act: Act) -> &Self {
        lock(&self.state).next.push_back(act);
        self
    }

    /// Lets it do this instead, from now on, where nothing is said for once.
    pub fn always(&self, act: Option<Act>) -> &Self {
        lock(&self.state).always = act;
        self
    }

    /// Lets it do this instead, the next `times` that it reads `words` in a prompt: for tests that share it.
    pub fn upon(&self, words: &str, times: usize, act: Act) -> &Self {
        lock(&self.state).upon.push((words.to_owned(), times, act));
        self
    }

    /// Lets it answer this, from now on, where it is asked for its list of models.
    pub fn lists(&self, reply: Reply) -> &Self {
        lock(&self.state).list = Some(reply);
        self
    }

    /// Shuts a model down.
    pub fn withdraw(&self, model: &str) -> &Self {
        lock(&self.state).withdrawn.insert(model.to_owned());
        self
    }

    /// The bodies of all requests that it has not refused by its own rules.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        lock(&self.state).requests.clone()
    }

    /// Why it has refused requests by its own rules.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        lock(&self.state).refusals.clone()
    }

    /// The requests for pictures behind its URLs.
    #[must_use]
    pub fn fetches(&self) -> Vec<Asked> {
        lock(&self.state).fetches.clone()
    }

    /// Lets it answer 503 to the next `times` that somebody fetches a picture.
    pub fn cannot_be_fetched(&self, times: usize) -> &Self {
        lock(&self.state).unavailable = times;
        self
    }

    /// How many calls for pictures it has carried out, whatever became of the answer.
    #[must_use]
    pub fn paid_calls(&self) -> usize {
        lock(&self.state).paid_calls
    }

    /// How many pictures it has made.
    #[must_use]
    pub fn paid_pictures(&self) -> usize {
        lock(&self.state).paid_pictures
    }
}

/// A refusal by its own rules.
struct Refusal {
    status: u16,
    error: Value,
}

/// A refusal, as OpenAI words it.
fn refusal(status: u16, kind: &str, code: Option<&str>, param: Option<&str>, message: &str) -> Refusal {
    Refusal { status, error: json!({"message": message, "type": kind, "param": param, "code": code}) }
}

fn invalid(code: Option<&str>, param: Option<&str>, message: &str) -> Refusal {
    refusal(400, "invalid_request_error", code, param, message)
}

/// The answer, as a test wants it to end.
fn ended(reply: Reply, act: Option<Act>) -> Reply {
    match act {
        Some(Act::Spoil(reply)) => reply,
        Some(Act::Silence) => Reply::never(),
        Some(Act::Stall) => reply.stalling(),
        Some(Act::BreakOff) => reply.cut(),
        _ => reply,
    }
}

fn answer(state: &mut State, request: Asked) -> Reply {
    let path = request.path.clone();
    if let Some(number) = path.strip_prefix("/pictures/") {
        state.fetches.push(request);
        if state.unavailable > 0 {
            state.unavailable -= 1;
            return Reply::new(503, "text/plain", "Server busy");
        }
        return match number.parse().ok().and_then(|number: usize| state.pictures.get(number)) {
            Some(picture) => Reply::new(200, "image/png", picture.clone()),
            None => Reply::new(403, "application/xml", "<Error><Code>AuthenticationFailed</Code></Error>"),
        };
    }
    let outcome = authorized(&request).and_then(|()| match (request.method.as_str(), path.as_str()) {
        ("GET", "/v1/models") => Ok(state.list.clone().unwrap_or_else(|| models::list(&state.withdrawn))),
        ("POST", "/v1/images/generations") => images::generate(state, &request, &body(&request)?),
        ("POST", "/v1/chat/completions") => chat::complete(state, &body(&request)?),
        (method, path) => {
            Err(refusal(404, "invalid_request_error", None, None, &format!("Invalid URL ({method} {path})")))
        }
    });
    outcome.unwrap_or_else(|Refusal { status, error }| {
        state.refusals.push(error.to_string());
        Reply::json(status, &json!({ "error": error }))
    })
}

fn authorized(request: &Asked) -> Result<(), Refusal> {
    let key = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    match key {
        Some(KEY) => Ok(()),
        // Like the real one it quotes from the key.
        Some(key) => {
            let shown: String = key.chars().take(8).collect();
            let message =
                format!("Incorrect API key provided: {shown}****{key}. You can find your API key …");
            Err(refusal(401, "invalid_request_error", Some("invalid_api_key"), None, &message))
        }
        None => Err(refusal(401, "invalid_request_error", None, None, "You didn't provide an API key.")),
    }
}

fn body(request: &Asked) -> Result<Value, Refusal> {
    if request.header("content-type") != Some("application/json") {
        return Err(invalid(None, None, "Unsupported content type"));
    }
    match serde_json::from_slice::<Value>(&request.body) {
        Ok(body @ Value::Object(_)) => Ok(body),
        Ok(_) | Err(_) => Err(invalid(None, None, "We could not parse the JSON body of your request.")),
    }
}

/// What it does about this prompt: nothing but what it is asked, unless a test says otherwise.
fn act(state: &mut State, prompt: &str) -> Option<Act> {
    let upon = state.upon.iter_mut().find(|(words, times, _)| *times > 0 && prompt.contains(words.as_str()));
    if let Some((_, times, act)) = upon {
        *times -= 1;
        return Some(act.clone());
    }
    state.next.pop_front().or_else(|| state.always.clone())
}
