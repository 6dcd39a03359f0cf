//! Operations that answer with all addons of a domain.

use serde_json::{Value, json};

use super::parts::{ADDON, BUNDLE, HASH, SIGNATURE, VERSION};
use super::{CACHED, SCRIPT, STYLE, TAG, UNCHANGED};
use crate::api::addons::page::{Bundle, UserScripts, parse_options};
use crate::api::addons::query::{parse_domain, parse_flag};
use crate::http::routes::Route;
use crate::openapi::bodies::addons::BundleBody;
use crate::openapi::operation::{Answer, Operation};
use crate::openapi::problems::Problem;
use crate::openapi::schemas::Schemas;

const NONE: &str = "No addon is for this domain.";
const JAVASCRIPT: &str = "try{(function(){base()\n}).call(this)}catch(e){console.error(\"addon base:\",e)}\n//# sourceMappingURL=bundle.js.map\n";

pub(super) fn operation(route: &Route, schemas: &mut Schemas) -> Option<Operation> {
    Some(match (route.method, route.path) {
        ("GET", "/addons/{addonId}/bundle") => bundle(schemas),
        ("POST", "/addons/{addonId}/bundle") => chosen_bundle(schemas),
        ("GET", "/addons/{addonId}/bundle.js") => script(),
        ("GET", "/addons/{addonId}/bundle.js.map") => source_map(),
        ("GET", "/addons/{addonId}/bundle.css") => style(),
        ("GET", "/addons/{addonId}/userscripts") => user_scripts(schemas),
        _ => return None,
    })
}

/// Adds what all these operations have.
fn conditional(operation: Operation, answer: Answer, unchanged: Answer) -> Operation {
    operation
        .at("addonDomain")
        .takes(&["If-Match", "If-None-Match"])
        .answers(answer.headers(&CACHED))
        .answers(unchanged.headers(&CACHED))
        .fails(&[Problem::PreconditionFailed])
}

fn unchanged() -> Answer {
    Answer::empty(304, UNCHANGED)
}

/// Adds the answer if there is no addon.
fn or_none(operation: Operation) -> Operation {
    operation.answers(Answer::empty(204, NONE).headers(&["Cache-Control", "Vary"]))
}

/// Adds the error of a domain that is none, for operations without another example of it.
fn of_domain(operation: Operation) -> Operation {
    operation.fails(&[Problem::Invalid]).refuses(parse_domain("addonId", "example com"))
}

fn bundle_answer(schemas: &mut Schemas) -> Answer {
    let example = json!({
        "bundleId": BUNDLE,
        "domain": "example.com",
        "addons": [{
            "addonId": ADDON, "version": VERSION, "type": "content_script", "order": 0, "dependencies": [],
            "content": "try{(function(){toolbar()\n}).call(this)}catch(e){console.error(\"addon toolbar:\",e)}",
        }],
        "totalSize": 84,
        "contentHash": HASH,
        "generatedAt": "2026-10-01T12:00:00.000Z",
        "expiresAt": "2026-10-01T13:00:00.000Z",
    });
    Answer::json(200, "The addons, in the order in which they load.", schemas.answer::<Bundle>(), example)
        .headers(&["X-Bundle-Id"])
}

fn bundle(schemas: &mut Schemas) -> Operation {
    let operation = Operation::new(
        TAG,
        "getAddonBundle",
        "Get the addons of a domain",
        "Every active addon for the domain once, dependencies before the addons that need them, then by the priority of \
         their rules, then by id; of each the one version that satisfies all of them. Each script is wrapped, so that \
         it has a scope of its own and its error does not stop the others.",
    )
    .takes(&["includeStyles", "includeDependencies"])
    .fails(&[Problem::Invalid])
    .refuses(parse_flag("includeStyles", Some("no"), true));
    let answer = bundle_answer(schemas);
    or_none(conditional(operation, answer, unchanged().headers(&["X-Bundle-Id"])))
}

fn chosen_bundle(schemas: &mut Schemas) -> Operation {
    let body = json!({"includeStyles": false});
    let operation = Operation::new(
        TAG,
        "postAddonBundle",
        "Get the addons of a domain, with a body",
        "The same as with GET. It changes nothing.",
    )
    .body(false, schemas.request::<BundleBody>(), &[("Scripts alone", body)])
    .refuses(parse_options(br#"{"includeStyles":"no"}"#));
    let answer = bundle_answer(schemas);
    or_none(conditional(operation, answer, unchanged().headers(&["X-Bundle-Id"])))
}

fn text(example: &str) -> Value {
    json!({"schema": {"type": "string"}, "example": example})
}

fn script() -> Operation {
    let operation = Operation::new(
        TAG,
        "getAddonBundleScript",
        "Get the scripts of a domain as one file",
        "The scripts of the bundle, in its order. Its last line names the source map.",
    );
    of_domain(or_none(conditional(
        operation,
        Answer::of(200, "The scripts.", SCRIPT, text(JAVASCRIPT)),
        unchanged(),
    )))
}

fn source_map() -> Operation {
    let schema = json!({
        "type": "object", "required": ["version", "sections"],
        "properties": {
            "version": {"type": "integer"},
            "sections": {"type": "array", "items": {"type": "object"}},
        },
    });
    let example = json!({"version": 3, "sections": []});
    let operation = Operation::new(
        TAG,
        "getAddonBundleSourceMap",
        "Get the source map of the scripts of a domain",
        "For `bundle.js`: a source map (ECMA-426) with a section for each script that has one.",
    );
    let answer = Answer::json(200, "The source map.", schema, example);
    of_domain(or_none(conditional(operation, answer, unchanged())))
}

fn style() -> Operation {
    let operation = Operation::new(
        TAG,
        "getAddonBundleStyle",
        "Get the style sheets of a domain as one file",
        "The style sheets of the bundle, in its order.",
    );
    let css = "/* toolbar-style 1.0.0 */\n.toolbar{position:sticky;top:0}\n";
    let answer = Answer::of(200, "The style sheets.", STYLE, text(css));
    of_domain(or_none(conditional(operation, answer, unchanged())))
}

fn user_scripts(schemas: &mut Schemas) -> Operation {
    let example = json!({
        "scripts": [{
            "id": "0000.toolbar", "matches": ["*://*.example.com/*"], "excludeMatches": [],
            "js": [{"code": "try{(function(){toolbar()\n}).call(this)}catch(e){console.error(\"addon toolbar:\",e)}"}],
            "runAt": "document_end", "allFrames": false, "world": "USER_SCRIPT",
        }],
        "styles": [{
            "id": "0001.toolbar-style", "matches": ["*://*.example.com/*"], "excludeMatches": [],
            "css": ".toolbar{position:sticky;top:0}",
        }],
        "signature": SIGNATURE,
    });
    let operation = Operation::new(
        TAG,
        "getUserScripts",
        "Get the addons of a domain as user scripts",
        "For `chrome.userScripts.register()`, which runs them by their ids. The signature is by Ed25519, of the lines \
         `semantest-userscripts:1`, the domain and the JSON of `scripts` and `styles` as they were received \
         (`JSON.stringify({scripts, styles})`), without a line break at the end. The lists are empty if no addon is for \
         this domain.",
    );
    let answer = Answer::json(200, "The scripts and styles.", schemas.answer::<UserScripts>(), example);
    of_domain(conditional(operation, answer, unchanged()))
}
