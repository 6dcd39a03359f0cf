//! Operations that serve addons, and that tell of them.

mod admin;
mod pages;
pub(super) mod parts;

use serde_json::{Value, json};

use self::parts::{ADDON, HASH, VERSION};
use super::operation::{Answer, Operation};
use super::problems::Problem;
use super::schemas::Schemas;
use crate::api::addons::metadata::{AddonKeys, AddonListResponse, AddonMetadata, AddonVersionsResponse};
use crate::api::addons::query::{parse_flag, parse_list, parse_version};
use crate::http::routes::Route;

const TAG: &str = "Addons";
const SCRIPT: &str = "text/javascript";
const STYLE: &str = "text/css";
/// The headers of every answer that a cache may keep.
const CACHED: [&str; 3] = ["ETag", "Cache-Control", "Vary"];
const UNCHANGED: &str = "Nothing has changed since the answer that `If-None-Match` names.";

pub(super) fn operation(route: &Route, schemas: &mut Schemas) -> Option<Operation> {
    Some(match (route.method, route.path) {
        ("GET", "/addons") => list(schemas),
        ("GET", "/addons/keys") => keys(schemas),
        ("GET", "/addons/{addonId}") => content(),
        ("GET", "/addons/{addonId}/metadata") => metadata(schemas),
        ("GET", "/addons/{addonId}/versions") => versions(schemas),
        _ => return pages::operation(route, schemas).or_else(|| admin::operation(route, schemas)),
    })
}

fn example_addon() -> Value {
    json!({
        "id": ADDON,
        "name": "Toolbar",
        "description": "A bar with buttons above the page.",
        "version": VERSION,
        "type": "content_script",
        "status": "active",
        "contentHash": HASH,
        "size": 5120,
        "createdAt": "2026-10-01T12:00:00.000Z",
        "updatedAt": "2026-10-01T12:00:00.000Z",
        "author": "Acme",
        "domainPatterns": ["*.example.com"],
        "injectionRules": [{
            "id": "shop", "priority": 10, "domains": ["shop.example.com"], "runAt": "document_end",
            "excludePatterns": ["https://shop.example.com/pay/*"],
        }],
        "dependencies": [{"addonId": "base", "version": "^1.2"}],
        "config": {"minBrowserVersion": "120"},
        "performance": {"sourceBytes": 5120, "minifiedBytes": 1980, "gzipBytes": 902, "brotliBytes": 811},
        "integrity": {
            "minified": "sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC",
            "source": "sha384-Li9vy3DqF8tnTXuiaAJuML3ky+er10rcgNR/VqsVpcw+ThHmYcwiB1pbOxEbzJr7",
        },
    })
}

/// Adds what every answer has that can be asked for with `If-None-Match`: 304.
fn conditional(operation: Operation, answer: Answer) -> Operation {
    operation
        .takes(&["If-None-Match"])
        .answers(answer.headers(&CACHED))
        .answers(Answer::empty(304, UNCHANGED).headers(&CACHED))
}

fn list(schemas: &mut Schemas) -> Operation {
    let example =
        json!({"addons": [example_addon()], "total": 1, "page": 1, "pageSize": 20, "hasMore": false});
    let answer = Answer::json(200, "A page of addons.", schemas.answer::<AddonListResponse>(), example)
        .link("firstContent", "getAddon", "addonId", "/addons/0/id")
        .link("firstVersions", "listAddonVersions", "addonId", "/addons/0/id");
    let operation = Operation::new(
        TAG,
        "listAddons",
        "List addons",
        "By id, each with one version: the newest one with the `status` that is asked for; left out, the newest active \
         version, or the newest of another status if none is active.",
    )
    .takes(&["addonStatus", "addonType", "domain", "page", "pageSize"])
    .fails(&[Problem::Invalid])
    .refuses(parse_list(|name| match name {
        "status" => Some("on"),
        "pageSize" => Some("1000"),
        _ => None,
    }));
    conditional(operation, answer)
}

fn keys(schemas: &mut Schemas) -> Operation {
    let example = json!({"keys": [{
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "alg": "EdDSA", "use": "sig",
    }]});
    let answer = Answer::json(200, "The keys.", schemas.answer::<AddonKeys>(), example);
    let operation = Operation::new(
        TAG,
        "listAddonKeys",
        "Get the public keys that addons are signed with",
        "A JWK set. While a key is being replaced there are several, and every signature is by each of them.",
    );
    conditional(operation, answer)
}

fn content() -> Operation {
    let facts = [
        "Last-Modified",
        "X-Addon-Id",
        "X-Addon-Version",
        "X-Addon-Type",
        "X-Content-Hash",
        "X-Addon-Signature",
        "X-Deprecation-Warning",
    ];
    let text = |example: &str| json!({"schema": {"type": "string"}, "example": example});
    let found = |answer: Answer| answer.headers(&CACHED).headers(&facts);
    let script = text("document.body.prepend(\"toolbar\");");
    Operation::new(
        TAG,
        "getAddon",
        "Get an addon's JavaScript or CSS",
        "A script is not wrapped here: who runs it gives it a scope of its own. A version with the status `inactive` is \
         not served. An exact version never changes, so that caches keep it for a year; an answer to anything else \
         holds for a minute.",
    )
    .takes(&["addonVersion", "minified", "targetDomain", "X-Target-Domain"])
    .takes(&["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"])
    .answers(found(
        Answer::of(200, "The content.", SCRIPT, script).or(STYLE, text(".toolbar{position:sticky;top:0}")),
    ))
    .answers(found(Answer::empty(
        304,
        "It is one that `If-None-Match` names, or not newer than `If-Modified-Since`.",
    )))
    .fails(&[Problem::Invalid, Problem::DomainNotAllowed, Problem::AddonNotFound])
    .fails(&[Problem::PreconditionFailed])
    .refuses(parse_flag("minified", Some("no"), true))
    .refuses(parse_version(Some("newest")))
}

fn metadata(schemas: &mut Schemas) -> Operation {
    let answer = Answer::json(200, "The version.", schemas.answer::<AddonMetadata>(), example_addon())
        .link("content", "getAddon", "addonId", "/id");
    let operation = Operation::new(
        TAG,
        "getAddonMetadata",
        "Get what is told of an addon",
        "Without `version`, of the newest active version, or of the newest of another status if none is active. With \
         an exact one also of a version that is `inactive`.",
    )
    .takes(&["addonVersion"])
    .fails(&[Problem::Invalid, Problem::AddonNotFound])
    .refuses(parse_version(Some("newest")));
    conditional(operation, answer)
}

fn versions(schemas: &mut Schemas) -> Operation {
    let example = json!({"versions": [{
        "version": VERSION, "status": "active", "contentHash": HASH, "size": 5120,
        "createdAt": "2026-10-01T12:00:00.000Z",
    }]});
    let answer = Answer::json(200, "The versions.", schemas.answer::<AddonVersionsResponse>(), example);
    let operation = Operation::new(
        TAG,
        "listAddonVersions",
        "List the versions of an addon",
        "The newest first, of every status.",
    )
    .fails(&[Problem::AddonNotFound]);
    conditional(operation, answer)
}
