//! Operations of tokens and API keys.

use domain::access::ClientId;
use domain::{Error, FieldError};
use serde_json::json;

use super::bodies::{KeyBody, RotateBody, TokenBody};
use super::operation::{Answer, Operation};
use super::parts::{KEY, USER};
use super::problems::Problem;
use super::schemas::Schemas;
use crate::api::access::keys::{KeyCreated, KeyList};
use crate::api::access::token::TokenResponse;
use crate::http::routes::Route;

pub(super) fn operation(route: &Route, schemas: &mut Schemas) -> Option<Operation> {
    Some(match (route.method, route.path) {
        ("POST", "/auth/token") => token(schemas),
        ("GET", "/admin/keys") => list(schemas),
        ("POST", "/admin/keys") => create(schemas),
        ("DELETE", "/admin/keys/{keyId}") => revoke(),
        ("POST", "/admin/keys/{keyId}/rotate") => rotate(schemas),
        _ => return None,
    })
}

fn token(schemas: &mut Schemas) -> Operation {
    let body = json!({"userId": USER, "scopes": ["chat", "images:read"], "expiresIn": 900});
    let example = json!({"token": "eyJhbGciOiJIUzI1NiJ9.….…", "expiresAt": "2026-10-01T12:15:00.000Z"});
    Operation::new(
        "Access",
        "createToken",
        "Make a token for one user",
        "For those who must not hold an API key, such as a browser extension. Only an API key can make one. It \
         lives out its time even if the key is revoked.",
    )
    .body(true, schemas.request::<TokenBody>(), &[("A quarter of an hour", body)])
    .refuses(crate::api::access::token::parse(br#"{"scopes":["keys:admin"],"expiresIn":7200}"#))
    .answers(Answer::json(201, "The token.", schemas.answer::<TokenResponse>(), example))
}

fn example_key(shown: bool) -> serde_json::Value {
    let mut key = json!({
        "id": KEY, "clientId": "acme", "name": "web server", "scopes": ["chat", "images:write"],
        "createdAt": "2026-10-01T12:00:00.000Z",
    });
    if shown {
        key["key"] = json!("sk_0190b8a00000700080000000000000075hown-once-and-never-again-0123456789abcdef0");
    }
    key
}

fn list(schemas: &mut Schemas) -> Operation {
    let example = json!({"keys": [example_key(false)]});
    Operation::new(
        "Access",
        "listKeys",
        "List the client's API keys",
        "The oldest first; no key itself is in the list. Another client's only with the scope `clients:admin`.",
    )
    .takes(&["clientId"])
    .answers(Answer::json(200, "The keys.", schemas.answer::<KeyList>(), example))
    .fails(&[Problem::Invalid])
    .refuses(
        "Acme Inc."
            .parse::<ClientId>()
            .map_err(|error| Error::Invalid(vec![FieldError::new("clientId", error.to_string())])),
    )
}

fn made(schemas: &mut Schemas) -> Answer {
    let schema = schemas.answer::<KeyCreated>();
    Answer::json(201, "The key: the only time that it is shown.", schema, example_key(true))
        .link("rotate", "rotateKey", "keyId", "/id")
        .link("revoke", "revokeKey", "keyId", "/id")
}

fn create(schemas: &mut Schemas) -> Operation {
    let body = json!({"name": "web server", "scopes": ["chat", "images:write"]});
    Operation::new(
        "Access",
        "createKey",
        "Make an API key",
        "The key is shown in this answer and never again. Scopes of the operator can only be given by who has them. A token cannot manage keys.",
    )
    .body(true, schemas.request::<KeyBody>(), &[("For a server", body)])
    .refuses(
        "acme"
            .parse()
            .map_err(Error::internal)
            .and_then(|own| crate::api::access::keys::parse_create(br#"{"scopes":["images"]}"#, &own)),
    )
    .answers(made(schemas))
}

fn revoke() -> Operation {
    Operation::new(
        "Access",
        "revokeKey",
        "Revoke an API key",
        "It stops within 30 seconds. Tokens made from it live out their time.",
    )
    .answers(Answer::empty(204, "The key is revoked."))
    .fails(&[Problem::KeyNotFound])
}

fn rotate(schemas: &mut Schemas) -> Operation {
    Operation::new(
        "Access",
        "rotateKey",
        "Replace an API key",
        "The new key has the old one's name, scopes and limits. The old one stays good for `overlapSeconds`.",
    )
    .refuses(crate::api::access::keys::parse_rotate(br#"{"overlapSeconds":-1}"#))
    .body(false, schemas.request::<RotateBody>(), &[("A day to change it", json!({"overlapSeconds": 86400}))])
    .answers(made(schemas))
    .fails(&[Problem::KeyNotFound])
}
