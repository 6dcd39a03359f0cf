//! OpenAI and compatible services: images, chats and the list of models.
//!
//! It refuses what the real one refuses: a wrong key, a field that the model does not have, an unknown size
//! or quality. Only then does it follow a test's instructions.

mod chat;
mod images;
mod models;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::server::{Asked, Reply, Server};

pub use state::Act;
use state::{Refusal, State, invalid, refusal};

/// The valid key.
pub const KEY: &str = "sk-canary-4f1d8a06c3b94e7f";

pub struct OpenAi {
    server: Server,
    state: Arc<Mutex<State>>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OpenAi {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| answer(&mut lock(&shared), request)).await;
        Self { server, state }
    }

    /// Its base URL for the providers document.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.server.url())
    }

    /// Does this once; several calls make a queue.
    pub fn next(&self, act: Act) -> &Self {
        lock(&self.state).next.push_back(act);
        self
    }

    /// Does this from now on for every request without its own instruction.
    pub fn always(&self, act: Option<Act>) -> &Self {
        lock(&self.state).always = act;
        self
    }

    /// Does this for the next `times` prompts that contain `words`, for tests that share the stand-in.
    pub fn upon(&self, words: &str, times: usize, act: Act) -> &Self {
        lock(&self.state).upon.push((words.to_owned(), times, act));
        self
    }

    /// Answers this from now on to requests for the list of models.
    pub fn lists(&self, reply: Reply) -> &Self {
        lock(&self.state).list = Some(reply);
        self
    }

    /// Shuts a model down.
    pub fn withdraw(&self, model: &str) -> &Self {
        lock(&self.state).withdrawn.insert(model.to_owned());
        self
    }

    /// The bodies of all valid requests.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        lock(&self.state).requests.clone()
    }

    /// The errors of all invalid requests.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        lock(&self.state).refusals.clone()
    }

    /// The downloads of images behind its URLs.
    #[must_use]
    pub fn fetches(&self) -> Vec<Asked> {
        lock(&self.state).fetches.clone()
    }

    /// Answers 503 to the next `times` downloads of images.
    pub fn cannot_be_fetched(&self, times: usize) -> &Self {
        lock(&self.state).unavailable = times;
        self
    }

    /// How many image calls it has carried out, whatever its answer was.
    #[must_use]
    pub fn paid_calls(&self) -> usize {
        lock(&self.state).paid_calls
    }

    /// How many images it has made.
    #[must_use]
    pub fn paid_pictures(&self) -> usize {
        lock(&self.state).paid_pictures
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
    if let Some(rest) = path.strip_prefix("/lagging/") {
        return lagging(state, request, rest).unwrap_or_else(|| Reply::html(404));
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

/// The image `number` of `status/times/number`, or that status for the first so many times.
fn lagging(state: &mut State, request: Asked, rest: &str) -> Option<Reply> {
    let earlier = state.fetches.iter().filter(|fetch| fetch.path == request.path).count();
    state.fetches.push(request);
    let mut parts = rest.split('/');
    let (status, times) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    if earlier < times {
        return Some(Reply::html(status));
    }
    let picture = state.pictures.get(parts.next()?.parse::<usize>().ok()?)?;
    Some(Reply::new(200, "image/png", picture.clone()))
}

fn authorized(request: &Asked) -> Result<(), Refusal> {
    let key = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    match key {
        Some(KEY) => Ok(()),
        // Quotes from the key, like the real one.
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
