//! A deployment that keeps to the contract of addons, and holds the command line to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use reqwest::Url;
use serde_json::{Map, Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::super::content::sha256;
use crate::client::api::Api;

const KEY: &str = "sk_operator";
const FIELDS: [&str; 12] = [
    "addonId",
    "name",
    "description",
    "type",
    "content",
    "version",
    "status",
    "author",
    "domainPatterns",
    "injectionRules",
    "dependencies",
    "config",
];

#[derive(Default)]
pub(super) struct State {
    /// The metadata of all versions, the newest last.
    pub(super) versions: Vec<Value>,
    deleted: Vec<(String, String)>,
    /// Method and path of each request.
    pub(super) requests: Vec<String>,
    /// So many of the next changes are done, but their answers are lost.
    pub(super) lost_answers: usize,
    answers: BTreeMap<String, (Value, Value)>,
}

#[derive(Clone)]
pub(super) struct StandIn {
    pub(super) state: Arc<Mutex<State>>,
    _server: Arc<MockServer>,
    pub(super) api: Api,
}

struct Responder(Arc<Mutex<State>>);

impl Respond for Responder {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let (status, body) = self.0.lock().unwrap().answer(request);
        ResponseTemplate::new(status).set_body_json(body)
    }
}

impl StandIn {
    pub(super) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (server, state) = (MockServer::start().await, Arc::new(Mutex::new(State::default())));
        Mock::given(any()).respond_with(Responder(Arc::clone(&state))).mount(&server).await;
        let api = Api::new(&server.uri(), KEY).unwrap();
        Self { state, _server: Arc::new(server), api }
    }

    pub(super) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    /// The metadata of the newest version.
    pub(super) fn newest(&self) -> Value {
        self.state.lock().unwrap().versions.last().unwrap().clone()
    }
}

type Answer = (u16, Value);

fn error(status: u16, code: &str, details: &Value) -> Answer {
    let trace = "0190b8a0-0000-7000-8000-000000000001";
    let body = json!({"code": code, "message": "as the contract says", "traceId": trace, "details": details});
    (status, json!({ "error": body }))
}

impl State {
    fn answer(&mut self, request: &Request) -> Answer {
        let path = request.url.path().strip_prefix("/api/v1").unwrap().to_owned();
        self.requests.push(format!("{} {path}", request.method));
        let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), &parts[..]) {
            ("GET", ["addons"]) => self.list(&request.url),
            ("GET", ["addons", id, "metadata"]) => self.metadata(id, &request.url),
            (_, ["admin", ..]) if request.headers["x-api-key"] != KEY => {
                error(401, "UNAUTHORIZED", &Value::Null)
            }
            ("POST", ["admin", "addons"]) => self.post(request),
            ("PUT", ["admin", "addons", id]) => {
                let Some(newest) = self.newest(id) else {
                    return error(404, "ADDON_NOT_FOUND", &Value::Null);
                };
                let mut body = newest;
                let given = object(request);
                assert!(!given.contains_key("addonId"), "the id is in the path");
                body.retain(|field, _| {
                    FIELDS.contains(&field.as_str()) && !["version", "status"].contains(&field.as_str())
                });
                body.extend(given);
                let answer = self.publish(id, &body);
                self.maybe_lost(answer)
            }
            ("PATCH", ["admin", "addons", id, "status"]) => self.patch(id, &object(request)),
            ("DELETE", ["admin", "addons", id]) => self.delete(id),
            _ => error(404, "NOT_FOUND", &Value::Null),
        }
    }

    fn newest(&self, id: &str) -> Option<Map<String, Value>> {
        let newest = self.versions.iter().rev().find(|version| version["id"] == id);
        newest.and_then(Value::as_object).cloned()
    }

    fn post(&mut self, request: &Request) -> Answer {
        let key = request.headers["idempotency-key"].to_str().unwrap().to_owned();
        assert!((1..=255).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic()));
        let body = object(request);
        if let Some((first, answer)) = self.answers.get(&key) {
            let same = *first == Value::Object(body);
            return if same {
                (201, answer.clone())
            } else {
                error(422, "IDEMPOTENCY_CONFLICT", &Value::Null)
            };
        }
        let id = body["addonId"].as_str().unwrap().to_owned();
        let answer = self.publish(&id, &body);
        if answer.0 == 201 {
            self.answers.insert(key, (Value::Object(body), answer.1.clone()));
        }
        self.maybe_lost(answer)
    }

    fn maybe_lost(&mut self, answer: Answer) -> Answer {
        if self.lost_answers == 0 {
            return answer;
        }
        self.lost_answers -= 1;
        // Cut off, as if a gateway had not waited for the function.
        (503, json!({"message": "Service Unavailable"}))
    }

    fn publish(&mut self, id: &str, body: &Map<String, Value>) -> Answer {
        let faults = faults(body);
        if !faults.is_empty() {
            let versions_alone = faults.iter().all(|fault| fault["path"] == "version");
            let code = if versions_alone { "INVALID_VERSION" } else { "VALIDATION_ERROR" };
            return error(400, code, &json!(faults));
        }
        let (content, version) = (body["content"].as_str().unwrap(), body["version"].as_str().unwrap());
        let exists = self.versions.iter().any(|other| other["id"] == id && other["version"] == version);
        if exists || self.deleted.contains(&(id.to_owned(), version.to_owned())) {
            return error(409, "VERSION_EXISTS", &Value::Null);
        }
        let mut metadata = body.clone();
        metadata.retain(|field, _| !["content", "addonId"].contains(&field.as_str()));
        let stored = content.trim_start_matches('\u{feff}');
        metadata.entry("status").or_insert_with(|| json!("active"));
        metadata.insert("id".to_owned(), json!(id));
        metadata.insert("contentHash".to_owned(), json!(sha256(stored)));
        metadata.insert("size".to_owned(), json!(stored.len()));
        metadata.insert("warnings".to_owned(), json!(["line 1 column 1: a is not shared"]));
        self.versions.push(Value::Object(metadata.clone()));
        (201, Value::Object(metadata))
    }

    fn metadata(&self, id: &str, url: &Url) -> Answer {
        let query: BTreeMap<_, _> = url.query_pairs().collect();
        let of_addon = self.versions.iter().filter(|version| version["id"] == id);
        let found = match query.get("version") {
            Some(wanted) => of_addon.rev().find(|version| version["version"] == **wanted),
            None => self.versions.iter().rfind(|version| version["id"] == id),
        };
        found.map_or_else(|| error(404, "ADDON_NOT_FOUND", &Value::Null), |found| (200, found.clone()))
    }

    fn list(&self, url: &Url) -> Answer {
        let query: BTreeMap<_, _> = url.query_pairs().collect();
        let number = |name: &str, or: usize| query.get(name).map_or(or, |text| text.parse().unwrap());
        let (page, size) = (number("page", 1), number("pageSize", 20));
        assert!(page >= 1 && (1..=100).contains(&size));
        let matches = |version: &&Value| {
            let fits = |name: &str| query.get(name).is_none_or(|wanted| version[name] == **wanted);
            fits("status") && fits("type")
        };
        let all: Vec<_> = self.versions.iter().filter(matches).collect();
        let shown: Vec<_> = all.iter().skip((page - 1) * size).take(size).collect();
        let has_more = page * size < all.len();
        (
            200,
            json!({"addons": shown, "total": all.len(), "page": page, "pageSize": size, "hasMore": has_more}),
        )
    }

    fn patch(&mut self, id: &str, body: &Map<String, Value>) -> Answer {
        let known = ["status", "version", "reason", "deprecationMessage"];
        assert!(body.keys().all(|field| known.contains(&field.as_str())), "{body:?}");
        let of_addon = self.versions.iter_mut().filter(|version| version["id"] == id);
        let changed =
            of_addon.filter(|version| body.get("version").is_none_or(|wanted| version["version"] == *wanted));
        let changed = changed.map(|version| {
            version["status"] = body["status"].clone();
            version.clone()
        });
        changed.last().map_or_else(|| error(404, "ADDON_NOT_FOUND", &Value::Null), |changed| (200, changed))
    }

    fn delete(&mut self, id: &str) -> Answer {
        let needs = |version: &Value| {
            version["dependencies"].as_array().into_iter().flatten().any(|needed| needed["addonId"] == id)
        };
        if self.versions.iter().any(needs) {
            return error(409, "ADDON_IN_USE", &Value::Null);
        }
        let (gone, kept) =
            std::mem::take(&mut self.versions).into_iter().partition(|version| version["id"] == id);
        self.versions = kept;
        let gone: Vec<Value> = gone;
        let number = |version: &Value| (id.to_owned(), version["version"].as_str().unwrap().to_owned());
        self.deleted.extend(gone.iter().map(number));
        // wiremock writes the body all the same; no client reads it.
        (204, Value::Null)
    }
}

fn object(request: &Request) -> Map<String, Value> {
    assert_eq!(request.headers["content-type"], "application/json");
    let body: Map<String, Value> = serde_json::from_slice(&request.body).unwrap();
    for (field, value) in &body {
        let known =
            FIELDS.contains(&field.as_str()) || ["reason", "deprecationMessage"].contains(&field.as_str());
        assert!(known && !value.is_null(), "{field}");
    }
    body
}

/// The faults of a publication's body, as the contract has them.
fn faults(body: &Map<String, Value>) -> Vec<Value> {
    let mut faults = Vec::new();
    let mut check = |path: &str, valid: bool, message: &str| {
        if !valid {
            faults.push(json!({"path": path, "message": message}));
        }
    };
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    check(
        "name",
        text("name").is_some_and(|name| (1..=100).contains(&name.len())),
        "must be 1 to 100 characters",
    );
    check(
        "description",
        text("description").is_some_and(|text| text.len() <= 500),
        "must be at most 500 characters",
    );
    let types = ["content_script", "background_script", "injected_script", "style_sheet"];
    check("type", text("type").is_some_and(|kind| types.contains(&kind)), "must be a type");
    let version = text("version").unwrap_or_default();
    let numbers = version.split('-').next().unwrap_or_default().split('.');
    let is_version =
        numbers.clone().count() == 3 && numbers.clone().all(|number| number.parse::<u64>().is_ok());
    check("version", is_version && !version.contains('+'), "must be a version such as 1.2.3");
    let content = text("content");
    check("content", content.is_some(), "is required");
    if let Some(at) = content.and_then(|content| content.lines().position(|line| line.contains("@@"))) {
        check("content", false, &format!("line {} column 1: Unexpected token", at + 1));
    }
    let patterns = body.get("domainPatterns").and_then(Value::as_array).cloned().unwrap_or_default();
    for (index, rule) in
        body.get("injectionRules").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        let path = |field: &str| format!("injectionRules[{index}].{field}");
        check(&path("id"), rule["id"].is_string(), "is required");
        check(&path("priority"), rule["priority"].is_i64(), "must be a whole number");
        let run_at = ["document_start", "document_end", "document_idle"];
        check(
            &path("runAt"),
            rule["runAt"].as_str().is_some_and(|at| run_at.contains(&at)),
            "must be a time",
        );
        let domains = rule["domains"].as_array().cloned().unwrap_or_default();
        let inside = !domains.is_empty() && domains.iter().all(|domain| patterns.contains(domain));
        check(&path("domains"), inside, "must lie within domainPatterns");
    }
    for (index, needed) in
        body.get("dependencies").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        let valid = needed["addonId"].is_string() && needed["version"].is_string();
        check(&format!("dependencies[{index}]"), valid, "must have addonId and version");
    }
    faults
}
