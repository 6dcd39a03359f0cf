//! A stand-in for the operator's own server with the AUTOMATIC1111 API.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::picture::{Encoding, painted};
use super::server::{Asked, Reply, Script, Server};

/// The model that is loaded unless a request overrides it.
pub const LOADED: &str = "sd_xl_base_1.0";
const MODELS: [&str; 2] = [LOADED, "dreamshaper_8"];
const SAMPLERS: [&str; 3] = ["Euler", "Euler a", "DPM++ 2M"];
/// Whether a field's value is valid.
type Check = fn(&Value) -> bool;

/// The fields that a client of ours may send. The real one takes more.
const FIELDS: [(&str, Check); 15] = [
    ("prompt", Value::is_string),
    ("negative_prompt", Value::is_string),
    ("seed", Value::is_i64),
    ("steps", |steps| steps.as_u64().is_some_and(|steps| (1..=150).contains(&steps))),
    ("cfg_scale", Value::is_number),
    ("width", Value::is_u64),
    ("height", Value::is_u64),
    ("batch_size", Value::is_u64),
    ("n_iter", Value::is_u64),
    ("sampler_name", Value::is_string),
    ("scheduler", Value::is_string),
    ("override_settings", Value::is_object),
    ("override_settings_restore_afterwards", Value::is_boolean),
    ("send_images", Value::is_boolean),
    ("save_images", Value::is_boolean),
];

/// Differences of versions and forks in answers with images.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// The setting `samples_format`.
    pub encoding: Option<Encoding>,
    /// Puts `data:image/png;base64,` before each image.
    pub prefixed: bool,
    /// Puts a grid before the images.
    pub grid: bool,
    /// Replaces `info`.
    pub info: Option<Value>,
    /// Uses the loaded model, whatever was requested.
    pub stubborn: bool,
    /// Sends one image less than requested.
    pub stingy: bool,
}

/// The images of one request, past, current or future: the server does one after the other.
#[derive(Debug, Clone)]
struct Work {
    starts: Instant,
    ends: Instant,
    steps: u64,
    rounds: u64,
}

#[derive(Debug, Default)]
struct State {
    script: Script,
    asked: Vec<Asked>,
    made: Vec<Value>,
    interrupts: usize,
    takes: Duration,
    manner: Manner,
    works: Vec<Work>,
    interrupted: bool,
    progress: Option<Reply>,
}

impl State {
    /// The work that started last, and its number.
    fn last_started(&self) -> Option<(usize, &Work)> {
        let now = Instant::now();
        self.works.iter().enumerate().rfind(|(_, work)| work.starts <= now)
    }

    /// Queues work, and returns the time until it is finished.
    fn queue(&mut self, steps: u64, rounds: u64, takes: Duration) -> Duration {
        let now = Instant::now();
        let starts = self.works.last().map_or(now, |last| last.ends.max(now));
        let ends = starts + takes;
        self.interrupted = false;
        self.works.push(Work { starts, ends, steps, rounds });
        ends - now
    }
}

#[derive(Debug)]
pub struct Automatic1111 {
    server: Server,
    user: String,
    password: String,
    state: Arc<Mutex<State>>,
}

impl Automatic1111 {
    /// Starts it as with `--api --api-auth user:password`.
    pub async fn start(user: &str, password: &str) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let known = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let shared = Arc::clone(&state);
        let server = Server::start(move |asked| answer(&known, &shared, asked)).await;
        Self { server, user: user.to_owned(), password: password.to_owned(), state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Its section of the providers document.
    #[must_use]
    pub fn settings(&self) -> Value {
        json!({"baseUrl": self.server.url(), "username": self.user, "password": self.password})
    }

    /// Answers this to the next valid request for images.
    pub fn next(&self, reply: Reply) {
        self.state().script.next(reply);
    }

    /// Answers this to every valid request for images; with `None` it makes images again.
    pub fn always(&self, reply: Option<Reply>) {
        self.state().script.always(reply);
    }

    /// Takes this long for each request for images.
    pub fn take(&self, time: Duration) {
        self.state().takes = time;
    }

    /// Behaves like another version or fork.
    pub fn behave(&self, manner: Manner) {
        self.state().manner = manner;
    }

    /// Answers this to requests for its progress.
    pub fn tell_progress(&self, reply: Reply) {
        self.state().progress = Some(reply);
    }

    /// Works for another client for this time, in `rounds` of so many steps.
    pub fn work_for_another(&self, steps: u64, rounds: u64, time: Duration) {
        self.state().queue(steps, rounds, time);
    }

    /// Interrupts the work, as the button "Interrupt" of the web UI does.
    pub fn interrupt_by_hand(&self) {
        self.state().interrupted = true;
    }

    /// Every request, valid or not.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// The bodies of the requests that it made images for.
    #[must_use]
    pub fn made(&self) -> Vec<Value> {
        self.state().made.clone()
    }

    /// How many times clients interrupted it over the API.
    #[must_use]
    pub fn interrupts(&self) -> usize {
        self.state().interrupts
    }
}

/// An error in the server's form.
#[must_use]
pub fn problem(status: u16, error: &str, detail: &str, errors: &str) -> Reply {
    Reply::json(status, &json!({"error": error, "detail": detail, "body": "", "errors": errors}))
}

/// The framework's error for a request that does not match the schema.
#[must_use]
pub fn invalid(field: &str, message: &str) -> Reply {
    Reply::json(422, &json!({"detail": [{"loc": ["body", field], "msg": message, "type": "value_error"}]}))
}

/// The answer of a server without `--api`.
#[must_use]
pub fn without_api() -> Reply {
    Reply::json(404, &json!({"detail": "Not Found"}))
}

fn answer(known: &str, state: &Mutex<State>, asked: Asked) -> Reply {
    let mut state = state.lock().unwrap();
    state.asked.push(asked.clone());
    if asked.header("authorization") != Some(known) {
        return problem(401, "HTTPException", "Incorrect username or password", "")
            .header("www-authenticate", "Basic");
    }
    match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/sdapi/v1/txt2img") => pictures(&mut state, &asked),
        ("GET", "/sdapi/v1/progress") => state.progress.clone().unwrap_or_else(|| progress(&state)),
        ("POST", "/sdapi/v1/interrupt") => {
            state.interrupts += 1;
            state.interrupted = true;
            Reply::json(200, &json!({}))
        }
        _ => without_api(),
    }
}

fn progress(state: &State) -> Reply {
    let started = state.last_started();
    let (progress, count, no, step, steps) = match started.filter(|(_, work)| Instant::now() < work.ends) {
        None => (0.0, 0, 0, 0, 0),
        Some((_, work)) => {
            let done = work.starts.elapsed().as_secs_f64() / (work.ends - work.starts).as_secs_f64();
            let rounds = done * work.rounds as f64;
            let step = (rounds.fract() * work.steps as f64) as u64;
            ((0.01 + done).min(1.0), work.rounds, rounds as u64, step, work.steps)
        }
    };
    // Stays when the work is finished.
    let timestamp = started.map_or("0".to_owned(), |(number, _)| format!("202611230542{number:02}"));
    let state = json!({
        "skipped": false, "interrupted": state.interrupted, "job": "scripts_txt2img", "job_count": count,
        "job_timestamp": timestamp, "job_no": no, "sampling_step": step, "sampling_steps": steps,
    });
    let body = json!({
        "progress": progress, "eta_relative": 1.0, "state": state, "current_image": null, "textinfo": null,
    });
    Reply::json(200, &body)
}

fn pictures(state: &mut State, asked: &Asked) -> Reply {
    let body: Value = match serde_json::from_slice(&asked.body) {
        Ok(body @ Value::Object(_)) if asked.header("content-type") == Some("application/json") => body,
        _ => return invalid("body", "value is not a valid dict"),
    };
    for (name, value) in body.as_object().into_iter().flatten() {
        match FIELDS.iter().find(|(known, _)| known == name) {
            Some((_, is_valid)) if is_valid(value) => {}
            Some(_) => return invalid(name, "value has the wrong type"),
            // The real one would ignore it; a test must notice.
            None => return invalid(name, "extra fields not permitted"),
        }
    }
    if body["sampler_name"].as_str().is_some_and(|name| !SAMPLERS.contains(&name)) {
        return problem(404, "HTTPException", "Sampler not found", "");
    }
    let wanted = body["override_settings"]["sd_model_checkpoint"].as_str();
    if !state.manner.stubborn && wanted.is_some_and(|name| !MODELS.contains(&name)) {
        return problem(404, "HTTPException", "Model not found", "");
    }
    let model = if state.manner.stubborn { LOADED } else { wanted.unwrap_or(LOADED) };
    if let Some(reply) = state.script.take() {
        return reply;
    }
    let number = |name: &str, default| body[name].as_u64().unwrap_or(default);
    let (batch, rounds) = (number("batch_size", 1), number("n_iter", 1));
    let takes = state.takes;
    let wait = state.queue(number("steps", 50), rounds, takes);
    state.made.push(body.clone());
    // Sides are floored to multiples of 8.
    let (width, height) = (number("width", 512) as u32 & !7, number("height", 512) as u32 & !7);
    let first = body["seed"].as_u64().unwrap_or(41);
    let seeds: Vec<u64> = (0..batch * rounds).map(|n| first + n).collect();
    let manner = &state.manner;
    let encoding = manner.encoding.unwrap_or(Encoding::Png);
    let prefix = if manner.prefixed { "data:image/png;base64," } else { "" };
    let encoded = |(width, height), seed| {
        format!("{prefix}{}", STANDARD.encode(painted(width, height, seed, encoding)))
    };
    let mut images: Vec<String> = seeds.iter().map(|&seed| encoded((width, height), seed)).collect();
    if manner.grid {
        images.insert(0, encoded((width * 2, height), 0));
    }
    if manner.stingy {
        images.pop();
    }
    let info = json!({
        "prompt": body["prompt"], "seed": first, "all_seeds": seeds, "width": width, "height": height,
        "sd_model_name": model, "sd_model_hash": "31e35c80fc", "index_of_first_image": u8::from(manner.grid),
        "infotexts": [],
    });
    let info = manner.info.clone().unwrap_or_else(|| Value::String(info.to_string()));
    let reply = json!({"images": images, "parameters": body, "info": info});
    Reply::json(200, &reply).after(wait)
}
