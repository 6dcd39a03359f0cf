//! How the deployment is, and what it says of itself.

use serde_json::json;

use super::operation::{Answer, Operation};
use crate::route::Route;

pub(super) fn operation(route: &Route) -> Option<Operation> {
    Some(match (route.method, route.path) {
        ("GET", "/openapi.json") => document(),
        ("GET", "/docs") => page(),
        _ => return None,
    })
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
