//! Operations that publish, change and delete addons.

use serde_json::{Value, json};

use super::parts::{ADDON, VERSION};
use super::{TAG, example_addon};
use crate::api::addons::metadata::AddonMetadata;
use crate::api::addons::publication::{Publishing, parse};
use crate::http::routes::Route;
use crate::openapi::bodies::addons::{AddonBody, AddonStatusBody, AddonVersionBody};
use crate::openapi::operation::{Answer, Operation};
use crate::openapi::problems::Problem;
use crate::openapi::schemas::Schemas;

pub(super) fn operation(route: &Route, schemas: &mut Schemas) -> Option<Operation> {
    Some(match (route.method, route.path) {
        ("POST", "/admin/addons") => publish(schemas),
        ("PUT", "/admin/addons/{addonId}") => publish_version(schemas),
        ("PATCH", "/admin/addons/{addonId}/status") => change_status(schemas),
        ("DELETE", "/admin/addons/{addonId}") => delete(),
        _ => return None,
    })
}

fn published(schemas: &mut Schemas) -> Answer {
    Answer::json(201, "The version is published.", schemas.answer::<AddonMetadata>(), example_addon())
        .link("content", "getAddon", "addonId", "/id")
        .link("status", "changeAddonStatus", "addonId", "/id")
        .link("delete", "deleteAddon", "addonId", "/id")
}

fn example_rule() -> Value {
    json!({
        "id": "shop", "priority": 10, "domains": ["shop.example.com"],
        "urlPatterns": ["https://shop.example.com/*"], "excludePatterns": ["https://shop.example.com/pay/*"],
        "runAt": "document_end", "allFrames": false,
        "conditions": [{"type": "viewport", "operator": "greater_than", "value": 800}],
    })
}

fn publish(schemas: &mut Schemas) -> Operation {
    let smallest = json!({
        "name": "Base", "type": "content_script", "version": "1.2.0",
        "content": "globalThis.base = () => document.body;",
    });
    let full = json!({
        "addonId": ADDON, "name": "Toolbar", "description": "A bar with buttons above the page.",
        "type": "content_script", "content": "base().prepend('toolbar');", "version": VERSION, "status": "active",
        "author": "Acme", "domainPatterns": ["*.example.com"], "injectionRules": [example_rule()],
        "dependencies": [{"addonId": "base", "version": "^1.2", "optional": false}],
        "config": {
            "minBrowserVersion": "120", "maxBrowserVersion": "200", "requiredPermissions": ["userScripts"],
            "experimentalFeatures": ["bars"],
        },
    });
    Operation::new(
        TAG,
        "publishAddon",
        "Publish an addon",
        "Checked here, and never met when a page asks: content that does not parse as a script or a style sheet (with \
         line and column), patterns that Chromium refuses, dependencies that are missing, cyclic or satisfied by no \
         version, and more than 4 MB of active content for one domain. With the id of an addon that exists, another \
         version of it is published, as with PUT.",
    )
    .body(true, schemas.request::<AddonBody>(), &[("The least", smallest), ("Everything", full)])
    .refuses(parse(
        br#"{"name":"","type":"content_script","content":"f()","version":"1.0.0","domainPatterns":["*://"]}"#,
        Publishing::Addon,
    ))
    .refuses(parse(
        br#"{"name":"Base","type":"content_script","content":"f()","version":"1.0"}"#,
        Publishing::Addon,
    ))
    .answers(published(schemas))
    .idempotent_or(Problem::PublicationConflict)
    .fails(&[Problem::NotReady])
}

fn publish_version(schemas: &mut Schemas) -> Operation {
    let body = json!({"content": "base().prepend('toolbar');", "version": "1.5.0-beta.1", "status": "beta"});
    Operation::new(
        TAG,
        "publishAddonVersion",
        "Publish another version of an addon",
        "What is left out stays as it is in the newest version, except for the status. Versions never change, and the \
         number of one that was deleted is never free again, because caches keep it.",
    )
    .body(true, schemas.request::<AddonVersionBody>(), &[("A beta", body)])
    .refuses(parse(br#"{"version":"1.5.0","domainPatterns":["*://"]}"#, Publishing::Version))
    .refuses(parse(br#"{"content":"f()","version":"v1.5"}"#, Publishing::Version))
    .answers(published(schemas))
    .fails(&[Problem::AddonNotFound, Problem::VersionExists, Problem::NotReady])
}

fn change_status(schemas: &mut Schemas) -> Operation {
    let body = json!({
        "status": "deprecated", "version": VERSION, "reason": "slow on long pages",
        "deprecationMessage": "use toolbar 2",
    });
    let mut example = example_addon();
    example["status"] = json!("deprecated");
    example["updatedAt"] = json!("2026-10-02T12:00:00.000Z");
    example["reason"] = json!("slow on long pages");
    example["deprecationMessage"] = json!("use toolbar 2");
    Operation::new(
        TAG,
        "changeAddonStatus",
        "Change the status of a version, or of all versions",
        "`reason` and `deprecationMessage` replace what was there. A change is refused if an active addon would lose \
         what it needs, or if a page would get more than it may.",
    )
    .body(true, schemas.request::<AddonStatusBody>(), &[("Not this one any more", body)])
    .refuses(crate::api::addons::status::parse(br#"{"status":"off","reason":""}"#))
    .refuses(crate::api::addons::status::parse(br#"{"status":"active","version":"1"}"#))
    .answers(Answer::json(
        200,
        "The version, or that which stands for the addon in a list.",
        schemas.answer::<AddonMetadata>(),
        example,
    ))
    .fails(&[Problem::AddonNotFound, Problem::AddonInUse])
}

fn delete() -> Operation {
    Operation::new(
        TAG,
        "deleteAddon",
        "Delete an addon",
        "With all its versions. Caches may still have them: an exact version for a year, and everything else for a \
         minute.",
    )
    .answers(Answer::empty(204, "The addon is deleted."))
    .fails(&[Problem::AddonNotFound, Problem::AddonInUse])
}
