//! What every request passes before its handler: method, credential, scope, limit, size.
//!
//! In this order: a wrong method, a bad credential and a missing scope are not counted by a limit,
//! and whatever is wrong with the body is (so that nobody tries bodies for nothing).

use domain::access::{Caller, KeyStore, LimitStore, RateLimitStatus, Scope, SecretSource};
use domain::error::Missing;
use domain::{Error, Timestamp, TraceId};

use crate::auth::credential::authenticate;
use crate::auth::jwt::TokenKeys;
use crate::http::cors::Origins;
use crate::http::request::{BODY_LIMIT, Request};
use crate::http::routes::{Access, Found, Route, find};

/// What stands before a function's handler.
pub struct Middleware<'a> {
    stores: Option<Stores<'a>>,
    /// Which origins may read what needs a credential.
    origins: Origins,
}

struct Stores<'a> {
    keys: &'a dyn KeyStore,
    tokens: TokenKeys<'a>,
    limits: &'a dyn LimitStore,
}

impl<'a> Middleware<'a> {
    /// The gate of a function whose callers have credentials and limits, and whose answers these origins
    /// may read.
    pub fn new(
        keys: &'a dyn KeyStore,
        token_keys: &'a dyn SecretSource,
        limits: &'a dyn LimitStore,
        origins: Origins,
    ) -> Self {
        Self { stores: Some(Stores { keys, tokens: TokenKeys::new(token_keys), limits }), origins }
    }

    /// The gate of a function that everybody may call as often as they like.
    #[must_use]
    pub fn public() -> Self {
        Self { stores: None, origins: Origins::any() }
    }

    /// Which origins may read the answers.
    pub(crate) const fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Lets a request in or not. `rate_limit` is told how the caller stands with its limit, whatever
    /// becomes of the request.
    pub(crate) async fn admit(
        &self,
        event: lambda_http::Request,
        function: &str,
        trace_id: TraceId,
        rate_limit: impl FnOnce(RateLimitStatus),
    ) -> Result<Request, Error> {
        let route = match find(function, event.method().as_str(), crate::http::request::path(&event)) {
            Found::Route(route) => route,
            Found::OtherMethods(allow) => return Err(Error::MethodNotAllowed { allow }),
            Found::Nothing => return Err(Error::NotFound(Missing::Path)),
        };
        let mut request = Request::from_event(event, route, trace_id);
        if let Some(stores) = &self.stores {
            stores.admit(&mut request, route, rate_limit).await?;
        } else if route.access != Access::Public || route.limit.is_some() {
            return Err(Error::internal("a function without stores serves what needs them"));
        }
        if request.body.len() > BODY_LIMIT {
            return Err(Error::TooLarge { limit: BODY_LIMIT });
        }
        Ok(request)
    }
}

impl Stores<'_> {
    async fn admit(
        &self,
        request: &mut Request,
        route: &Route,
        rate_limit: impl FnOnce(RateLimitStatus),
    ) -> Result<(), Error> {
        let principal = match route.access {
            Access::Public => None,
            Access::Optional if !crate::auth::credential::has_credential(&request.headers) => None,
            Access::Optional | Access::Credential | Access::Scope(_) => {
                Some(authenticate(&request.headers, self.keys, &self.tokens, request.now).await?)
            }
        };
        if let (Access::Scope(scope), Some(principal)) = (route.access, &principal) {
            principal.require(scope)?;
            // A missing scope does not count, so it is looked for before the counting.
            if route.may_draw && crate::api::images::wanted::asks_for_image(&request.body) {
                principal.require(Scope::ImagesWrite)?;
            }
        }
        if let Some(endpoint) = route.limit {
            let (caller, limit) = match &principal {
                Some(principal) => (principal.caller.clone(), principal.limits.of(endpoint)),
                None => (Caller::from_address(request.source), endpoint.per_window()),
            };
            // Not when the request came: looking up a credential may have taken some time.
            let counted = self.limits.count(&caller, endpoint, limit, Timestamp::now()).await?;
            let own = RateLimitStatus { endpoint, limit, counted };
            rate_limit(own);
            if !counted.admitted {
                let retry_after = counted.ends_at.since(Timestamp::now());
                return Err(Error::RateLimited { retry_after });
            }
        }
        request.caller = principal;
        Ok(())
    }
}
