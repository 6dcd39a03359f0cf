//! A stand-in for Stability's v2beta: `core` and `ultra`.

use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::form::{Field, fields};
use super::picture::{Encoding, painted};
use super::server::{Asked, Reply, Script, Server};

type Pixels = (u32, u32);

/// The sizes of core's and ultra's images in pixels, by ratio. The real ones promise no exact size.
const SIZES: [(&str, Pixels, Pixels); 3] = [
    ("1:1", (1216, 1216), (1024, 1024)),
    ("16:9", (1632, 912), (1344, 768)),
    ("9:16", (912, 1632), (768, 1344)),
];
const RATIOS: [&str; 9] = ["21:9", "16:9", "3:2", "5:4", "1:1", "4:5", "2:3", "9:16", "9:21"];
const PRESETS: [&str; 17] = [
    "3d-model",
    "analog-film",
    "anime",
    "cinematic",
    "comic-book",
    "digital-art",
    "enhance",
    "fantasy-art",
    "isometric",
    "line-art",
    "low-poly",
    "modeling-compound",
    "neon-punk",
    "origami",
    "photographic",
    "pixel-art",
    "tile-texture",
];
const MAX_REQUEST_BYTES: usize = 10 * 1024 * 1024;
const MAX_SEED: u64 = 4_294_967_294;

/// A request that was carried out.
#[derive(Debug, Clone)]
pub struct Made {
    /// `core` or `ultra`.
    pub model: String,
    /// In the order in which they were sent.
    pub fields: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
}

impl Made {
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct State {
    script: Script,
    asked: Vec<Asked>,
    made: Vec<Made>,
    raw: bool,
}

#[derive(Debug)]
pub struct Stability {
    server: Server,
    key: String,
    state: Arc<Mutex<State>>,
}

impl Stability {
    /// Starts it with this valid key.
    pub async fn start(key: &str) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let (known, shared) = (format!("Bearer {key}"), Arc::clone(&state));
        let server = Server::start(move |asked| answer(&known, &shared, asked)).await;
        Self { server, key: key.to_owned(), state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Its section of the providers document.
    #[must_use]
    pub fn settings(&self) -> Value {
        json!({"apiKey": self.key, "baseUrl": self.server.url()})
    }

    /// Answers this to the next valid request.
    pub fn next(&self, reply: Reply) {
        self.state().script.next(reply);
    }

    /// Answers this to every valid request; with `None` it makes images again.
    pub fn always(&self, reply: Option<Reply>) {
        self.state().script.always(reply);
    }

    /// Answers with the image itself, and with headers, whatever the request accepts: some compatible servers
    /// do.
    pub fn answer_raw(&self) {
        self.state().raw = true;
    }

    /// Every request, valid or not.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// The paid requests.
    #[must_use]
    pub fn made(&self) -> Vec<Made> {
        self.state().made.clone()
    }
}

/// An error in v2beta's form.
#[must_use]
pub fn problem(status: u16, name: &str, text: &str) -> Reply {
    let body = json!({"id": "ed14db44362126aab3cbd25cca51ffe3", "name": name, "errors": [text]});
    Reply::json(status, &body)
}

/// An error in v1's form, with one text instead of a list.
#[must_use]
pub fn problem_of_v1(status: u16, name: &str, text: &str) -> Reply {
    Reply::json(status, &json!({"id": "ed14db44362126aab3cbd25cca51ffe3", "name": name, "message": text}))
}

/// A moderated, blurred image.
#[must_use]
pub fn blurred() -> Reply {
    let picture = STANDARD.encode(painted(64, 64, 1, Encoding::Png));
    let body = json!({"image": picture, "finish_reason": "CONTENT_FILTERED", "seed": 1});
    Reply::json(200, &body).header("finish-reason", "CONTENT_FILTERED")
}

/// A blurred image of which only the header says so.
#[must_use]
pub fn blurred_by_header() -> Reply {
    Reply::new(200, "image/png", painted(64, 64, 1, Encoding::Png))
        .header("finish-reason", "CONTENT_FILTERED")
        .header("seed", "1")
}

fn answer(known: &str, state: &Mutex<State>, asked: Asked) -> Reply {
    let mut state = state.lock().unwrap();
    state.asked.push(asked.clone());
    // The key comes first: with a wrong one, every path gets the same answer.
    if asked.header("authorization") != Some(known) {
        return problem(401, "unauthorized", "authorization: authorization: invalid or missing header value");
    }
    let Some(model @ ("core" | "ultra")) = asked.path.strip_prefix("/v2beta/stable-image/generate/") else {
        return problem(404, "not_found", "The specified resource was not found.");
    };
    if asked.method != "POST" {
        return problem(405, "method_not_allowed", "POST only");
    }
    if asked.body.len() > MAX_REQUEST_BYTES {
        return problem(413, "payload_too_large", "body: may not be larger than 10MiB");
    }
    let fields = match check(&asked, model) {
        Ok(fields) => fields,
        Err(refusal) => return *refusal,
    };
    if let Some(reply) = state.script.take() {
        return reply;
    }
    let made = Made { model: model.to_owned(), fields, headers: asked.headers.clone() };
    state.made.push(made.clone());
    let wants_picture = asked.header("accept") == Some("image/*");
    let raw = state.raw || wants_picture;
    drop(state);
    picture(&made, raw)
}

/// The form's fields, if the real one would accept them.
fn check(asked: &Asked, model: &str) -> Result<Vec<(String, String)>, Box<Reply>> {
    let bad = |text: String| Box::new(problem(400, "bad_request", &text));
    if !matches!(asked.header("accept"), Some("image/*" | "application/json")) {
        return Err(bad("accept: must be image/* or application/json".to_owned()));
    }
    for header in ["stability-client-id", "stability-client-user-id", "stability-client-version"] {
        if asked.header(header).is_some_and(|value| value.len() > 256) {
            return Err(bad(format!("{header}: must have at most 256 characters")));
        }
    }
    let form = asked.header("content-type").and_then(|kind| fields(kind, &asked.body));
    let form = form.ok_or_else(|| bad("content-type: must be multipart/form-data".to_owned()))?;
    let mut known: Vec<(String, String)> = Vec::new();
    for Field { name, value, .. } in form {
        let value = String::from_utf8(value).map_err(|_| bad(format!("{name}: must be text")))?;
        if known.iter().any(|(other, _)| *other == name) {
            return Err(bad(format!("{name}: may be given only once")));
        }
        let length = value.chars().count();
        let valid = match name.as_str() {
            "prompt" => (1..=10_000).contains(&length),
            "negative_prompt" => length <= 10_000,
            "aspect_ratio" => RATIOS.contains(&value.as_str()),
            "seed" => value.parse().is_ok_and(|seed: u64| seed <= MAX_SEED),
            "output_format" => ["png", "jpeg", "webp"].contains(&value.as_str()),
            "style_preset" => PRESETS.contains(&value.as_str()),
            "strength" if model == "ultra" => {
                value.parse().is_ok_and(|part: f64| (0.0..=1.0).contains(&part))
            }
            _ => return Err(bad(format!("{name}: is not allowed"))),
        };
        if !valid {
            return Err(bad(format!("{name}: has a value that is not allowed")));
        }
        known.push((name, value));
    }
    let prompt = known.iter().find(|(name, _)| name == "prompt");
    let Some((_, prompt)) = prompt else { return Err(bad("prompt: is required".to_owned())) };
    if prompt.chars().any(|c| c.is_alphabetic() && !c.is_ascii()) {
        return Err(Box::new(problem(
            422,
            "invalid_language",
            "prompt: English is the only supported language",
        )));
    }
    Ok(known)
}

fn picture(made: &Made, raw: bool) -> Reply {
    let ratio = made.field("aspect_ratio").unwrap_or("1:1");
    let size = SIZES.iter().find(|(known, ..)| *known == ratio);
    let (_, core, ultra) = size.expect("a ratio that the contract's sizes need");
    let (width, height) = if made.model == "core" { *core } else { *ultra };
    let seed = match made.field("seed").and_then(|seed| seed.parse().ok()) {
        // The real one uses a random seed.
        None | Some(0) => 343_940_597,
        Some(seed) => seed,
    };
    let encoding = match made.field("output_format") {
        Some("jpeg") => Encoding::Jpeg,
        Some("webp") => Encoding::Webp,
        _ => Encoding::Png,
    };
    let bytes = painted(width, height, seed, encoding);
    if raw {
        let kind = format!("image/{}", made.field("output_format").unwrap_or("png"));
        Reply::new(200, &kind, bytes).header("finish-reason", "SUCCESS").header("seed", &seed.to_string())
    } else {
        let body = json!({"image": STANDARD.encode(bytes), "finish_reason": "SUCCESS", "seed": seed});
        Reply::new(200, "application/json; type=image/png", body.to_string())
    }
}
