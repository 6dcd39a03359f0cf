//! The checks before a handler: method, credential, scope, rate limit, body size.
//!
//! They run in this order: a wrong method, an invalid credential and a missing scope do not count against the
//! rate limit. A request with an invalid body does count, so that a caller cannot probe bodies without limit.

use domain::access::{Caller, KeyStore, LimitStore, RateLimitStatus, Scope, SecretSource};
use domain::error::Missing;
use domain::{Error, Timestamp, TraceId};

use crate::auth::credential::authenticate;
use crate::auth::jwt::TokenKeys;
use crate::http::cors::Origins;
use crate::http::event::Event;
use crate::http::request::Request;
use crate::http::routes::{Access, Found, Route, find};

/// The checks of one function.
pub struct Middleware<'a> {
    stores: Option<Stores<'a>>,
    /// The origins whose pages may read the responses.
    origins: Origins,
}

struct Stores<'a> {
    keys: &'a dyn KeyStore,
    tokens: TokenKeys<'a>,
    limits: &'a dyn LimitStore,
}

impl<'a> Middleware<'a> {
    /// Creates the middleware of a function whose callers have credentials and rate limits, and whose
    /// responses pages of these origins may read.
    pub fn new(
        keys: &'a dyn KeyStore,
        token_keys: &'a dyn SecretSource,
        limits: &'a dyn LimitStore,
        origins: Origins,
    ) -> Self {
        Self { stores: Some(Stores { keys, tokens: TokenKeys::new(token_keys), limits }), origins }
    }

    /// Creates the middleware of a function without credentials and rate limits.
    #[must_use]
    pub fn public() -> Self {
        Self { stores: None, origins: Origins::any() }
    }

    pub(crate) const fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Runs the checks. `rate_limit` is called with the caller's rate limit status as soon as the request is
    /// counted, whether it is admitted or not.
    pub(crate) async fn admit(
        &self,
        event: Event,
        function: &str,
        trace_id: TraceId,
        rate_limit: impl FnOnce(RateLimitStatus),
    ) -> Result<Request, Error> {
        let route = match find(function, &event.method, &event.path) {
            Found::Route(route) => route,
            Found::OtherMethods(allow) => return Err(Error::MethodNotAllowed { allow }),
            Found::Nothing => return Err(Error::NotFound(Missing::Path)),
        };
        let mut request = Request::from_event(event, route, trace_id);
        if let Some(stores) = &self.stores {
            stores.admit(&mut request, route, rate_limit).await?;
        } else if route.access != Access::Public || route.limit.is_some() {
            return Err(Error::internal("a function without stores serves a route that needs them"));
        }
        if request.body.len() > route.body_limit {
            return Err(Error::TooLarge { limit: route.body_limit });
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
            // A missing scope does not count against the rate limit, so this check comes before counting.
            if route.may_draw && crate::api::images::wanted::asks_for_image(&request.body) {
                principal.require(Scope::ImagesWrite)?;
            }
        }
        if let Some(endpoint) = route.limit {
            let (caller, limit) = match &principal {
                Some(principal) => (principal.caller.clone(), principal.limits.of(endpoint)),
                None => (Caller::from_address(request.source), endpoint.per_window()),
            };
            // Not `request.now`: the lookup of the credential may have taken some time.
            let counted = self.limits.count(&caller, endpoint, limit, Timestamp::now()).await?;
            let status = RateLimitStatus { endpoint, limit, counted };
            rate_limit(status);
            if !counted.admitted {
                let retry_after = counted.ends_at.since(Timestamp::now());
                return Err(Error::RateLimited { retry_after });
            }
        }
        request.caller = principal;
        Ok(())
    }
}
