//! Operations of the health check and the API documentation.

use schemars::JsonSchema;
use serde_json::json;

use super::operation::{Answer, Operation};
use super::schemas::Schemas;
use crate::api::health::Health;
use crate::http::error_response::ErrorEnvelope;
use crate::http::routes::Route;

pub(super) fn operation(route: &Route, schemas: &mut Schemas) -> Option<Operation> {
    Some(match (route.method, route.path) {
        ("GET", "/health") => health(schemas),
        ("GET", "/openapi.json") => document(),
        ("GET", "/docs") => page(),
        _ => return None,
    })
}

fn health(schemas: &mut Schemas) -> Operation {
    let schema = schemas.answer::<Health>();
    let problem = schemas.answer::<HealthProblem<'_>>();
    let example = |status: &str, database: serde_json::Value| {
        json!({
            "status": status, "version": "0.1.0", "timestamp": "2026-10-01T12:00:00.000Z",
            "services": {
                "database": database,
                "queue": {"status": "up", "latency": 5},
                "storage": {"status": "up", "latency": 12},
                "imageProviders": {"openai": {
                    "status": "up", "lastSeen": "2026-10-01T11:59:30.000Z",
                    "warning": "gpt-image-1.5 is switched off on 2026-10-23",
                }},
            },
        })
    };
    let well = example("healthy", json!({"status": "up", "latency": 4}));
    let ill = example("unhealthy", json!({"status": "down", "error": "it did not answer in time"}));
    Operation::new(
        "Service",
        "getHealth",
        "See whether the deployment is well",
        "Each part is asked at most once in ten seconds. A provider's state is what jobs last saw of it; it may have a \
         `warning` for its operator.",
    )
    .answers(Answer::json(200, "It is `healthy` or `degraded`.", schema, well))
    .answers(Answer::json(503, "It is `unhealthy`.", problem.clone(), ill))
    .errors(problem)
}

/// What is wrong: with the deployment, or with this call.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes what is sent; nothing is made of it")]
enum HealthProblem<'a> {
    Unhealthy(Health),
    Failed(ErrorEnvelope<'a>),
}

fn document() -> Operation {
    let schema = json!({
        "type": "object", "required": ["openapi", "info", "paths"],
        "properties": {
            "openapi": {"type": "string", "enum": ["3.0.3"]},
            "info": {"type": "object"},
            "paths": {"type": "object"},
        },
    });
    let example =
        json!({"openapi": "3.0.3", "info": {"title": "Semantest", "version": "0.1.0"}, "paths": {}});
    Operation::new("Service", "getOpenApi", "Get this document", "Any web page may read it.")
        .takes(&["If-None-Match"])
        .answers(Answer::json(200, "The document.", schema, example).headers(&["ETag"]))
        .answers(Answer::empty(304, "It is the one that `If-None-Match` names.").headers(&["ETag"]))
}

fn page() -> Operation {
    let content = json!({"schema": {"type": "string"}, "example": "<!doctype html>…"});
    Operation::new(
        "Service",
        "getDocs",
        "Read this document as a page",
        "It can call the API with a key that is typed in, and loads nothing from elsewhere.",
    )
    .takes(&["If-None-Match"])
    .answers(Answer::of(200, "The page.", "text/html", content).headers(&["ETag"]))
    .answers(Answer::empty(304, "It is the one that `If-None-Match` names.").headers(&["ETag"]))
}
