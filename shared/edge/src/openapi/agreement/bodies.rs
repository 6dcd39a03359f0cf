//! The bodies that are compared.

use domain::Error;
use domain::access::ClientId;
use domain::jobs::WebhookUrlPolicy;
use serde_json::{Value, json};

use crate::api::addons::publication::Publishing;

pub(super) const USER: &str = "0190b8a0-0000-7000-8000-000000000001";

/// Parses a body and returns the paths of its field errors; none if it is valid.
pub(super) type Parse = fn(&[u8]) -> Vec<String>;

/// One body.
pub(super) struct Body {
    /// Of its schema.
    pub(super) name: &'static str,
    /// Of an operation with it.
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) parse: Parse,
    /// Has all nested objects.
    pub(super) example: Value,
    /// The path of a field whose value bounds those of another field, and the JSON pointer of that field. It is left out
    /// where the first one is checked: each schema is about one field.
    pub(super) bounds: &'static [(&'static str, &'static str)],
}

fn paths<T>(outcome: Result<T, Error>) -> Vec<String> {
    match outcome {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(field_errors) | Error::InvalidVersion(field_errors)) => {
            field_errors.into_iter().map(|error| error.path).collect()
        }
        // The only field whose length has an error of its own.
        Err(Error::TooLarge { .. }) => vec!["content".to_owned()],
        Err(other) => panic!("{other:?}"),
    }
}

pub(super) fn bodies() -> Vec<Body> {
    let mut bodies = posted();
    bodies.extend(of_addons());
    bodies
}

fn posted() -> Vec<Body> {
    let bodies: Vec<(&str, &str, Parse, Value)> = vec![
        (
            "GenerateRequest",
            "/images/generate",
            |body| paths(crate::api::images::generate::parse(body, WebhookUrlPolicy::HttpsOnly)),
            json!({"userId": USER, "prompt": "p", "webhookEvents": ["job.failed"]}),
        ),
        (
            "BatchRequest",
            "/images/batch",
            |body| paths(crate::api::images::batch::parse(body, WebhookUrlPolicy::HttpsOnly)),
            json!({"userId": USER, "jobs": [{"prompt": "p"}], "webhookEvents": ["job.failed"]}),
        ),
        (
            "TokenRequest",
            "/auth/token",
            |body| paths(crate::api::access::token::parse(body)),
            json!({"userId": USER, "scopes": ["chat"]}),
        ),
        (
            "KeyRequest",
            "/admin/keys",
            |body| paths(crate::api::access::keys::parse_create(body, &ClientId::OPERATOR.parse().unwrap())),
            json!({"name": "n", "scopes": ["chat"], "limits": {}}),
        ),
        (
            "RotateRequest",
            "/admin/keys/{keyId}/rotate",
            |body| paths(crate::api::access::keys::parse_rotate(body)),
            json!({}),
        ),
        (
            "RedeliverRequest",
            "/webhooks/redeliver",
            |body| paths(crate::api::webhooks::attempts::parse_range(body)),
            json!({"since": "2025-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}),
        ),
        (
            "EnableRequest",
            "/webhooks/enable",
            |body| paths(crate::api::webhooks::attempts::parse_enable(body, WebhookUrlPolicy::HttpsOnly)),
            json!({"url": "https://example.com/"}),
        ),
        (
            "RotateSecretRequest",
            "/admin/webhook-secret/rotate",
            |body| paths(crate::api::webhooks::secret::parse_rotate(body)),
            json!({}),
        ),
        (
            "ChatRequest",
            "/chat/new",
            |body| paths(crate::api::chat::parse(body, WebhookUrlPolicy::HttpsOnly)),
            json!({
                "userId": USER, "prompt": "p", "imageGeneration": {"webhookEvents": ["job.failed"]},
                "chatContext": {"previousMessages": [{"role": "user", "content": "c"}]},
            }),
        ),
    ];
    let body =
        |(name, path, parse, example)| Body { name, method: "post", path, parse, example, bounds: &[] };
    bodies.into_iter().map(body).collect()
}

/// Within the domains of the addon are those of a rule, and within them its URL patterns.
const PATTERNS: &[(&str, &str)] =
    &[("domainPatterns", "/injectionRules"), ("injectionRules[0].domains", "/injectionRules/0/urlPatterns")];

fn of_addons() -> Vec<Body> {
    let version = json!({
        "content": "f()", "version": "1.0.0", "domainPatterns": ["<all_urls>"],
        "injectionRules": [{
            "id": "r", "priority": 0, "domains": ["<all_urls>"], "urlPatterns": ["https://example.com/*"],
            "excludePatterns": ["https://example.com/a*"], "runAt": "document_end",
            "conditions": [{"type": "custom", "operator": "equals", "value": 1}],
        }],
        "dependencies": [{"addonId": "a", "version": "^1"}],
        "config": {"requiredPermissions": ["p"], "experimentalFeatures": ["f"]},
    });
    let mut addon = version.clone();
    (addon["name"], addon["type"]) = (json!("n"), json!("content_script"));
    vec![
        Body {
            name: "AddonRequest",
            method: "post",
            path: "/admin/addons",
            parse: |body| paths(crate::api::addons::publication::parse(body, Publishing::Addon)),
            example: addon,
            bounds: PATTERNS,
        },
        Body {
            name: "AddonVersionRequest",
            method: "put",
            path: "/admin/addons/{addonId}",
            parse: |body| paths(crate::api::addons::publication::parse(body, Publishing::Version)),
            example: version,
            bounds: PATTERNS,
        },
        Body {
            name: "AddonStatusRequest",
            method: "patch",
            path: "/admin/addons/{addonId}/status",
            parse: |body| paths(crate::api::addons::status::parse(body)),
            example: json!({"status": "active"}),
            bounds: &[],
        },
        Body {
            name: "BundleRequest",
            method: "post",
            path: "/addons/{addonId}/bundle",
            parse: |body| paths(crate::api::addons::page::parse_options(body)),
            example: json!({}),
            bounds: &[],
        },
    ]
}
