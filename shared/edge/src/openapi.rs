//! The OpenAPI 3.0 document of the API.
//!
//! Responses are described by the types that are serialized; requests by the types in [`bodies`], which a
//! test compares with the parsers; access and rate limits by [`ROUTES`]. The document is checked in as
//! `docs/openapi.json`, which the function `docs` serves: it is not generated at run time.

mod access;
mod addons;
#[cfg(test)]
mod agreement;
pub mod bodies;
mod chat;
mod deliveries;
mod examples;
mod images;
mod operation;
mod optional;
mod parts;
mod problems;
mod schemas;
mod service;
#[cfg(test)]
mod tests;
mod webhooks;

use operation::Operation;
use schemas::Schemas;
use serde_json::{Map, Value, json};

use crate::API;
use crate::http::routes::{ROUTES, Route};
pub use bodies::{LOCAL_WEBHOOK_URL_PATTERN, WEBHOOK_URL_PATTERN};

const ABOUT: &str = "\
Image generation that you run yourself: post a prompt, get a job id at once, and be told by a signed \
webhook, or ask, when the images are there.

**Credentials.** `X-API-Key: sk_…` or `Authorization: Bearer …` with a token or a key. A client (tenant) \
owns its jobs, batches, sessions and keys and sees only its own; a token acts for one user of its client, a \
key for any.

**Errors.** Every answer outside 2xx has the body `Error`. Its `code` is for programs, its `message` for \
people, and its `traceId`, also in the header `x-trace-id` of every answer of ours, for whoever reads the logs. \
Beside what each operation lists: a path that is none is answered with 404 `NOT_FOUND`, a method that a \
path does not take with 405 `METHOD_NOT_ALLOWED` and `Allow`. What API Gateway answers by itself, such as to \
a request over 10 MB, looks otherwise.

**Limits.** Requests are counted per caller and endpoint, in windows of 60 seconds that begin with the \
caller's first request. Every counted answer carries `X-RateLimit-*`, `RateLimit` and `RateLimit-Policy`. An \
answer that a cache gives, as it may below `/addons`, is not counted, and has neither these nor `x-trace-id`.

**Requests.** Bodies are JSON, of at most 256 KiB, but where an addon is published, its content alone may \
have 1 MiB. Unknown fields are ignored; `null` for an optional field means that it is absent.";

/// Generates the document.
///
/// # Panics
///
/// If a route has no operation. The test that compares the checked-in document with this one then fails.
#[must_use]
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for route in ROUTES {
        let operation = operation(route, &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation.for_route(route);
    }
    let bodies = webhooks::bodies(&mut schemas);
    let responses = problems::responses(&mut schemas);
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Semantest",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": [{"url": API, "description": "The deployment that this document comes from."}],
        "tags": [
            {"name": "Images", "description": "Jobs that make images."},
            {"name": "Chat", "description": "A reply first, and images from it."},
            {"name": "Webhooks", "description": "What became of them, and sending them again."},
            {"name": "Addons", "description": "JavaScript and CSS for pages, served to a browser extension."},
            {"name": "Access", "description": "Tokens and API keys."},
            {"name": "Service", "description": "How the deployment is, and this document."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "responses": responses,
            "headers": parts::headers(),
            "parameters": parts::parameters(),
            "requestBodies": bodies,
            "securitySchemes": parts::security_schemes(),
        },
    })
}

fn operation(route: &Route, schemas: &mut Schemas) -> Operation {
    images::operation(route, schemas)
        .or_else(|| chat::operation(route, schemas))
        .or_else(|| deliveries::operation(route, schemas))
        .or_else(|| access::operation(route, schemas))
        .or_else(|| addons::operation(route, schemas))
        .or_else(|| service::operation(route, schemas))
        .unwrap_or_else(|| panic!("{} {} has no operation in the document", route.method, route.path))
}
