//! Components that several operations share: headers, parameters and security schemes.

use domain::access::WINDOW;
use serde_json::{Map, Value, json};

use super::optional::optional;

// Ids in the examples.
pub(super) const JOB: &str = "0190b8a0-0000-7000-8000-000000000002";
pub(super) const BATCH: &str = "0190b8a0-0000-7000-8000-000000000003";
pub(super) const SESSION: &str = "0190b8a0-0000-7000-8000-000000000005";
pub(super) const KEY: &str = "0190b8a0-0000-7000-8000-000000000007";
pub(super) const WEBHOOK: &str = "0190b8a0-0000-7000-8000-000000000009";
pub(super) const USER: &str = "0190b8a0-0000-7000-8000-000000000001";

/// The headers of every response to a request that a rate limit has counted.
pub(super) const LIMIT_HEADERS: [&str; 5] =
    ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit", "RateLimit-Policy"];

/// Returns a reference to the header `name`.
pub(super) fn header(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// Returns a reference to the parameter `name`.
pub(super) fn parameter(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

/// Returns all response headers.
pub(super) fn headers() -> Value {
    let window = WINDOW.as_secs();
    let header = |description: &str, schema: Value, example: Value| json!({"description": description, "required": true, "schema": schema, "example": example});
    let text = || json!({"type": "string"});
    let path = || json!({"type": "string", "format": "uri-reference"});
    let count = |min: u8| json!({"type": "integer", "minimum": min});
    let constant = |value: &str| json!({"type": "string", "enum": [value]});
    let mut all = json!({
        "x-trace-id": header(
            "Names this request in the logs, and in the error's `traceId`.",
            json!({"type": "string", "format": "uuid"}), json!("0190b8a0-0000-7000-8000-00000000000f"),
        ),
        "X-RateLimit-Limit": header(
            &format!("How many requests pass in a window of {window} seconds."), count(0), json!(30),
        ),
        "X-RateLimit-Remaining": header("How many more pass in this one.", count(0), json!(29)),
        "X-RateLimit-Reset": header(
            "When this window ends.", json!({"type": "string", "format": "date-time"}),
            json!("2026-10-01T12:01:00.000Z"),
        ),
        "RateLimit": header(
            "The same as the IETF's draft has it: what remains, and in how many seconds the window ends.",
            text(), json!("\"/images/generate\";r=29;t=60"),
        ),
        "RateLimit-Policy": header(
            "The limit as the IETF's draft has it: how many requests, in how many seconds.",
            text(), json!(format!("\"/images/generate\";q=30;w={window}")),
        ),
        "Retry-After": header("In how many seconds to try again.", count(0), json!(17)),
        "WWW-Authenticate": header("How to show a credential.", text(), json!("Bearer")),
        "Location": header(
            "Where the state of what was made is asked for: a path from the root.",
            path(), json!("/api/v1/images/status/0190b8a0-0000-7000-8000-000000000002"),
        ),
        "ETag": header(
            "Names this very answer, for `If-None-Match`.", text(), json!("\"3a7bd3e2360a3d29\""),
        ),
        "Idempotent-Replayed": optional(header(
            "Is there where this is the answer to an earlier request with the same `Idempotency-Key`.",
            constant("true"), json!("true"),
        )),
        "Preference-Applied": optional(header(
            "Is there where `Prefer` was taken into account.", text(), json!("wait=10"),
        )),
    });
    add(&mut all, super::addons::parts::headers());
    all
}

/// Adds components to `all`.
fn add(all: &mut Value, more: Map<String, Value>) {
    for (name, component) in more {
        assert!(all[&name].is_null(), "two components have the name {name}");
        all[name] = component;
    }
}

/// Returns all parameters of paths, queries and headers.
pub(super) fn parameters() -> Value {
    let id = |name: &str, what: &str, example: &str| {
        json!({
            "name": name, "in": "path", "required": true, "description": what,
            "schema": {"type": "string", "format": "uuid"}, "example": example,
        })
    };
    let webhook = |name: &str, description: &str, example: &str| {
        json!({
            "name": name, "in": "header", "required": true, "description": description,
            "schema": {"type": "string"}, "example": example,
        })
    };
    let mut all = json!({
        "webhook-id": webhook(
            "webhook-id", "Names this event: the same for every attempt at it.", WEBHOOK,
        ),
        "webhook-timestamp": webhook(
            "webhook-timestamp", "When this attempt was made, in seconds since 1970.", "1790856004",
        ),
        "webhook-signature": webhook(
            "webhook-signature", "One or more signatures, separated by spaces.",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        ),
        "jobId": id("jobId", "The job's id, from the answer that accepted it.", JOB),
        "batchId": id("batchId", "The batch's id, from the answer that accepted it.", BATCH),
        "sessionId": id("sessionId", "The session's id, from the answer to its first message.", SESSION),
        "webhookId": id("webhookId", "The `webhook-id`.", WEBHOOK),
        "keyId": id("keyId", "The key's id: not the key itself, and no secret.", KEY),
        "Idempotency-Key": {
            "name": "Idempotency-Key", "in": "header",
            "description": "Any text that names this request and no other: for 24 hours the same caller's \
                same key with the same body gets the first answer again, and nothing is done twice.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$"},
        },
        "If-None-Match": {
            "name": "If-None-Match", "in": "header",
            "description": "The `ETag` of an answer that is known already: if nothing has changed, 304 says so.",
            "schema": {"type": "string"},
        },
        "Prefer": {
            "name": "Prefer", "in": "header",
            "description": "`wait=N`, N from 1 to 20: the answer comes as soon as the job has ended, or after N \
                seconds. At once, where the caller holds four such requests open already.",
            "schema": {"type": "string"},
        },
        "clientId": {
            "name": "clientId", "in": "query", "description": "Whose keys; without it, those of the caller's client.",
            "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"},
        },
        "userId": {
            "name": "userId", "in": "query", "description": "Only the jobs for this user.",
            "schema": {"type": "string", "format": "uuid"},
        },
        "status": {
            "name": "status", "in": "query", "description": "Only jobs that stand so.",
            "schema": {"type": "string", "enum": domain::JobStatus::ALL.map(domain::JobStatus::as_str)},
        },
        "limit": {
            "name": "limit", "in": "query", "description": "How many at most.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 100},
        },
        "cursor": {
            "name": "cursor", "in": "query",
            "description": "`nextCursor` of the page before. It holds for the same query only.",
            "schema": {"type": "string", "format": "cursor", "minLength": 1},
        },
    });
    add(&mut all, super::addons::parts::parameters());
    all
}

/// Returns the ways to authenticate.
pub(super) fn security_schemes() -> Value {
    json!({
        "ApiKeyAuth": {
            "type": "apiKey", "in": "header", "name": "X-API-Key",
            "description": "An API key, `sk_…`.",
        },
        "BearerAuth": {
            "type": "http", "scheme": "bearer",
            "description": "A token of `POST /auth/token` or of an issuer that the operator has set up, or an API key.",
        },
    })
}
