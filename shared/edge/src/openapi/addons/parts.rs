//! Headers and parameters of the operations of addons.

use domain::addons::{AddonStatus, AddonType};
use domain::primitives::NamedValue;
use serde_json::{Map, Value, json};

use crate::api::addons::query::{PAGE_LIMIT, PAGE_SIZE_LIMIT, RANGE_LIMIT};
use crate::openapi::optional::optional;

// Values in the examples.
pub(super) const ADDON: &str = "toolbar";
pub(super) const VERSION: &str = "1.4.0";
pub(super) const BUNDLE: &str = "6b51d431-df5d-8f14-8cbe-cf79e4dd0bd0";
pub(super) const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
pub(super) const SIGNATURE: &str =
    "u0Z0mJ8o5W1nYh1r3m1yM6m0o7l9cJ4Xr6m4k3w2bq0e8nQvB0T5hJc1dK7gZ2fLxPqS9aRtUwYiOeN4vHjDCg==";

/// Headers that only some of the answers have.
const NOT_ALWAYS: [&str; 2] = ["X-Addon-Signature", "X-Deprecation-Warning"];

/// Returns the schema of a text that is one of the values of `T`.
fn named<T: NamedValue>() -> Value {
    json!({"type": "string", "enum": T::ALL.iter().map(|value| value.as_str()).collect::<Vec<_>>()})
}

/// Returns the response headers.
pub(in crate::openapi) fn headers() -> Map<String, Value> {
    let text = || json!({"type": "string"});
    let all = [
        ("Last-Modified", "When the version was published.", text(), "Thu, 01 Oct 2026 12:00:00 GMT"),
        (
            "Cache-Control",
            "How long the answer holds: an exact version a year, everything else a minute.",
            json!({"type": "string", "enum": ["public, max-age=60", "public, max-age=31536000, immutable"]}),
            "public, max-age=60",
        ),
        ("Vary", "On which headers of the request the answer depends.", text(), "Accept-Encoding"),
        ("X-Addon-Id", "The addon's id.", text(), ADDON),
        ("X-Addon-Version", "The version that was chosen.", text(), VERSION),
        ("X-Addon-Type", "What the addon is.", named::<AddonType>(), "content_script"),
        ("X-Content-Hash", "SHA-256 of the content, before it is compressed, in hexadecimal.", text(), HASH),
        (
            "X-Addon-Signature",
            "Signatures in base64, separated by `, `: by Ed25519, of the lines `semantest-addon:1`, id, version, type and \
             `X-Content-Hash`, without a line break at the end. Missing if no key of the deployment has signed the \
             version.",
            text(),
            SIGNATURE,
        ),
        (
            "X-Deprecation-Warning",
            "Is there where the version is deprecated. Characters other than ASCII are `?`.",
            text(),
            "use toolbar-next",
        ),
        ("X-Bundle-Id", "The bundle's id.", json!({"type": "string", "format": "uuid"}), BUNDLE),
    ];
    let describe = |(name, description, schema, example): (&str, &str, Value, &str)| {
        let header =
            json!({"description": description, "required": true, "schema": schema, "example": example});
        (name.to_owned(), if NOT_ALWAYS.contains(&name) { optional(header) } else { header })
    };
    all.into_iter().map(describe).collect()
}

/// Returns the parameters of paths, queries and headers, by the names of their components: one name can mean different
/// things in different operations.
pub(in crate::openapi) fn parameters() -> Map<String, Value> {
    let query = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "query", "description": description, "schema": schema});
    let header = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "header", "description": description, "schema": schema});
    let text = || json!({"type": "string"});
    let flag = |default: bool| json!({"type": "boolean", "default": default});
    let host = || json!({"type": "string", "format": "host", "minLength": 1});
    let parameters = json!({
        "addonId": {
            "name": "addonId", "in": "path", "required": true, "description": "The addon's id.",
            "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"}, "example": ADDON,
        },
        "addonDomain": {
            "name": "addonId", "in": "path", "required": true,
            "description": "Not an id, but the domain of the page: a host like `example.com`, or an IP address.",
            "schema": host(), "example": "example.com",
        },
        "addonVersion": query(
            "version",
            "A version or a range in npm's grammar: `1.2.3`, `^1.2`, `1.x`, `>=1.2 <2 || 3`, `latest`. Of a range, the \
             newest active version, or else the newest deprecated one; a version in beta only by its exact number. \
             Left out, or `latest`: the newest active release, or else the newest deprecated one.",
            json!({"type": "string", "format": "npm-range", "maxLength": RANGE_LIMIT}),
        ),
        "minified": query("minified", "`false` for the content as it was published, without a byte order mark and `sourceMappingURL` comments.", flag(true)),
        "targetDomain": query(
            "targetDomain",
            "The domain of the page that is to run the addon: 403 if it may not. With the header `X-Target-Domain` as well, \
             it must be allowed to run on both.",
            host(),
        ),
        "X-Target-Domain": header("X-Target-Domain", "The same as `targetDomain`.", host()),
        "addonStatus": query(
            "status",
            "Only addons with a version that stands so, which is then the one in the list.",
            named::<AddonStatus>(),
        ),
        "addonType": query("type", "Only addons of this type.", named::<AddonType>()),
        "domain": query("domain", "Only addons for pages of this host.", host()),
        "page": query(
            "page", "Which page.",
            json!({"type": "integer", "minimum": 1, "maximum": PAGE_LIMIT, "default": 1}),
        ),
        "pageSize": query(
            "pageSize", "How many addons a page has at most.",
            json!({"type": "integer", "minimum": 1, "maximum": PAGE_SIZE_LIMIT, "default": 20}),
        ),
        "includeStyles": query("includeStyles", "Whether style sheets are in it.", flag(true)),
        "includeDependencies": query(
            "includeDependencies", "Whether addons are in it that are only needed by others.", flag(true),
        ),
        "If-Match": header("If-Match", "Entity tags of which one must be that of the answer: 412 if none is.", text()),
        "If-Modified-Since": header(
            "If-Modified-Since",
            "304 if the version was not published after this time. Not evaluated beside `If-None-Match`.",
            text(),
        ),
        "If-Unmodified-Since": header(
            "If-Unmodified-Since",
            "412 if the version was published after this time. Not evaluated beside `If-Match`.",
            text(),
        ),
    });
    match parameters {
        Value::Object(parameters) => parameters,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
