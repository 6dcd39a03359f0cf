//! The table of all endpoints: which function serves it, who may call it, and which rate limit applies.

use domain::access::{Endpoint, Scope};

/// The maximum length of a body, in bytes.
pub const BODY_LIMIT: usize = 256 * 1024;

/// The maximum length of a body that publishes an addon, in bytes: its content, with every character escaped. Lambda takes
/// no more than 6 MB.
pub(crate) const PUBLICATION_LIMIT: usize = 6 * 1024 * 1024;

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Every caller, from any web page. Credentials are ignored.
    Public,
    /// Every caller. A credential must be valid if one is sent.
    Optional,
    /// Callers with a valid credential. The handler checks all other conditions.
    Credential,
    /// Callers whose credential has this scope.
    Scope(Scope),
}

/// One method of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The folder in `functions/` of the function that serves the endpoint.
    pub function: &'static str,
    /// A `GET` route serves `HEAD` too.
    pub method: &'static str,
    /// Relative to [`API`](crate::API), with parameters in braces.
    pub path: &'static str,
    pub access: Access,
    /// Whether the body can request an image too, which requires [`Scope::ImagesWrite`].
    pub may_draw: bool,
    /// The rate limit that counts the requests; `None` for no limit.
    pub limit: Option<Endpoint>,
    /// The maximum length of a body, in bytes.
    pub body_limit: usize,
}

const fn route(
    function: &'static str,
    method: &'static str,
    path: &'static str,
    access: Access,
    limit: Option<Endpoint>,
) -> Route {
    Route { function, method, path, access, may_draw: false, limit, body_limit: BODY_LIMIT }
}

/// All endpoints except [`FALLBACK`].
pub const ROUTES: &[Route] = {
    use Access::{Credential, Public};
    const CHAT: Access = Access::Scope(Scope::Chat);
    const READ: Access = Access::Scope(Scope::ImagesRead);
    const WRITE: Access = Access::Scope(Scope::ImagesWrite);
    const KEYS: Access = Access::Scope(Scope::KeysAdmin);
    const ADDONS: Access = Access::Scope(Scope::AddonsAdmin);
    const fn addons(method: &'static str, path: &'static str) -> Route {
        route("addons-get", method, path, Access::Optional, Some(Endpoint::Addons))
    }
    const fn admin(method: &'static str, path: &'static str) -> Route {
        route("admin-addons", method, path, ADDONS, Some(Endpoint::Admin))
    }
    &[
        Route { may_draw: true, ..route("chat-new", "POST", "/chat/new", CHAT, Some(Endpoint::ChatNew)) },
        route("chat-get", "GET", "/chat/{sessionId}", CHAT, Some(Endpoint::Other)),
        route("images-generate", "POST", "/images/generate", WRITE, Some(Endpoint::ImagesGenerate)),
        route("images-batch", "POST", "/images/batch", WRITE, Some(Endpoint::ImagesBatch)),
        route(
            "images-batch-status",
            "GET",
            "/images/batch/{batchId}/status",
            READ,
            Some(Endpoint::BatchStatus),
        ),
        route("images-status", "GET", "/images/status/{jobId}", READ, Some(Endpoint::ImagesStatus)),
        route("images-list", "GET", "/images/jobs", READ, Some(Endpoint::ImagesJobs)),
        route("images-cancel", "DELETE", "/images/cancel/{jobId}", WRITE, Some(Endpoint::ImagesCancel)),
        route(
            "images-webhooks",
            "GET",
            "/images/status/{jobId}/webhooks",
            READ,
            Some(Endpoint::ImagesStatus),
        ),
        route(
            "images-webhooks",
            "POST",
            "/images/status/{jobId}/webhooks/{webhookId}/redeliver",
            WRITE,
            Some(Endpoint::ImagesStatus),
        ),
        route("images-webhooks", "POST", "/webhooks/redeliver", WRITE, Some(Endpoint::Other)),
        route("images-webhooks", "POST", "/webhooks/enable", WRITE, Some(Endpoint::Other)),
        route("images-webhooks", "GET", "/webhooks/disabled", READ, Some(Endpoint::Other)),
        route("auth-token", "POST", "/auth/token", Credential, Some(Endpoint::Auth)),
        route("admin-keys", "GET", "/admin/keys", KEYS, Some(Endpoint::Admin)),
        route("admin-keys", "POST", "/admin/keys", KEYS, Some(Endpoint::Admin)),
        route("admin-keys", "DELETE", "/admin/keys/{keyId}", KEYS, Some(Endpoint::Admin)),
        route("admin-keys", "POST", "/admin/keys/{keyId}/rotate", KEYS, Some(Endpoint::Admin)),
        route("admin-webhook-secret", "GET", "/admin/webhook-secret", KEYS, Some(Endpoint::Admin)),
        route("admin-webhook-secret", "POST", "/admin/webhook-secret/rotate", KEYS, Some(Endpoint::Admin)),
        addons("GET", "/addons"),
        addons("GET", "/addons/keys"),
        addons("GET", "/addons/{addonId}"),
        addons("GET", "/addons/{addonId}/metadata"),
        addons("GET", "/addons/{addonId}/versions"),
        addons("GET", "/addons/{addonId}/bundle"),
        addons("POST", "/addons/{addonId}/bundle"),
        addons("GET", "/addons/{addonId}/bundle.js"),
        addons("GET", "/addons/{addonId}/bundle.js.map"),
        addons("GET", "/addons/{addonId}/bundle.css"),
        addons("GET", "/addons/{addonId}/userscripts"),
        Route { body_limit: PUBLICATION_LIMIT, ..admin("POST", "/admin/addons") },
        Route { body_limit: PUBLICATION_LIMIT, ..admin("PUT", "/admin/addons/{addonId}") },
        admin("PATCH", "/admin/addons/{addonId}/status"),
        admin("DELETE", "/admin/addons/{addonId}"),
        route("health", "GET", "/health", Public, None),
        route("docs", "GET", "/openapi.json", Public, None),
        route("docs", "GET", "/docs", Public, None),
    ]
};

/// The route of the function `fallback`: all other paths, with every method.
pub const FALLBACK: Route = route("fallback", "*", "/*", Access::Optional, Some(Endpoint::Other));

/// The result of [`find`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Route(&'static Route),
    /// The path exists, but only with these methods.
    OtherMethods(Vec<&'static str>),
    /// The path does not exist.
    Nothing,
}

/// Finds the endpoint of `function` with this method and path. The path may have any prefix before
/// [`API`](crate::API), because a custom domain can map the API below a path of its own.
#[must_use]
pub fn find(function: &str, method: &str, path: &str) -> Found {
    if function == FALLBACK.function {
        return Found::Route(&FALLBACK);
    }
    let path = path.find(crate::API).map_or(path, |start| &path[start + crate::API.len()..]);
    let here: Vec<_> =
        ROUTES.iter().filter(|route| route.function == function && matches(route.path, path)).collect();
    let wanted = if method == "HEAD" { "GET" } else { method };
    if let Some(route) = here.iter().find(|route| route.method == wanted) {
        return Found::Route(route);
    }
    if here.is_empty() {
        return Found::Nothing;
    }
    let mut methods: Vec<_> = here.iter().map(|route| route.method).collect();
    methods.sort_unstable();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    // A path may be that of a route and an example of another's.
    methods.dedup();
    Found::OtherMethods(methods)
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(part)) if expected.starts_with('{') && !part.is_empty() => {}
            (Some(expected), Some(part)) if expected == part => {}
            (Some(_) | None, _) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_finds_its_endpoint_only() {
        let found = |function: &str, method: &str, path: &str| match find(function, method, path) {
            Found::Route(route) => route.path,
            Found::OtherMethods(_) => "other",
            Found::Nothing => "nothing",
        };
        assert_eq!(found("images-generate", "POST", "/api/v1/images/generate"), "/images/generate");
        assert_eq!(found("images-generate", "POST", "/mapped/api/v1/images/generate"), "/images/generate");
        assert_eq!(found("images-generate", "GET", "/api/v1/images/generate"), "other");
        assert_eq!(found("images-generate", "POST", "/api/v1/images/batch"), "nothing");
        assert_eq!(found("images-status", "HEAD", "/api/v1/images/status/1"), "/images/status/{jobId}");
        assert_eq!(found("images-status", "GET", "/api/v1/images/status/"), "nothing");
        assert_eq!(found("images-status", "GET", "/api/v1/images/status/1/2"), "nothing");
        assert_eq!(found("admin-keys", "POST", "/api/v1/admin/keys/1/rotate"), "/admin/keys/{keyId}/rotate");
        assert_eq!(found("fallback", "PURGE", "/"), "/*");
    }

    #[test]
    fn wrong_method_returns_allowed_methods() {
        let methods = find("admin-keys", "PATCH", "/api/v1/admin/keys");
        assert_eq!(methods, Found::OtherMethods(vec!["GET", "POST", "HEAD", "OPTIONS"]));
        let methods = find("images-cancel", "GET", "/api/v1/images/cancel/1");
        assert_eq!(methods, Found::OtherMethods(vec!["DELETE", "OPTIONS"]));
    }

    #[test]
    fn only_public_routes_have_no_rate_limit() {
        for route in ROUTES {
            assert_eq!(route.limit.is_none(), route.access == Access::Public, "{}", route.path);
        }
    }
}
