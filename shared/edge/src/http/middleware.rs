//! The checks before a handler: method, credential, scope, rate limit, body size.
//!
//! They run in this order: a wrong method, an invalid credential and a missing scope do not count against the
//! rate limit. A request with an invalid body does count, so that a caller cannot probe bodies without limit.

use std::net::IpAddr;

use domain::access::{Caller, KeyStore, LimitStore, RateLimitStatus, Scope, SecretSource};
use domain::error::Missing;
use domain::{Error, Timestamp, TraceId};

use crate::auth::credential::authenticate;
use crate::auth::jwt::TokenKeys;
use crate::http::cors::Origins;
use crate::http::event::Event;
use crate::http::request::Request;
use crate::http::routes::{Access, Found, Route, find};

/// The header with which the distribution in front of the API proves itself.
const ORIGIN_SECRET: &str = "x-origin-secret";
/// The header in which it names the viewer's address and port.
const VIEWER_ADDRESS: &str = "cloudfront-viewer-address";

/// Reads `198.51.100.10:46532`, or the same with an IPv6 address, with or without brackets.
fn viewer_address(text: &str) -> Option<IpAddr> {
    let (address, _port) = text.rsplit_once(':')?;
    address.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The checks of one function.
pub struct Middleware<'a> {
    stores: Option<Stores<'a>>,
    /// The origins whose pages may read the responses.
    origins: Origins,
    /// What a distribution in front of the API proves itself with.
    origin_secret: Option<&'a dyn SecretSource>,
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
        let stores = Some(Stores { keys, tokens: TokenKeys::new(token_keys), limits });
        Self { stores, origins, origin_secret: None }
    }

    /// Creates the middleware of a function without credentials and rate limits.
    #[must_use]
    pub fn public() -> Self {
        Self { stores: None, origins: Origins::any(), origin_secret: None }
    }

    /// The same, behind a distribution: requests that prove with `secret` that they come from it are those of the viewer
    /// that it names, not of the distribution. Nobody else's word is taken for an address.
    #[must_use]
    pub fn behind(self, secret: &'a dyn SecretSource) -> Self {
        Self { origin_secret: Some(secret), ..self }
    }

    /// Returns the address of the viewer of a request that came through the distribution.
    async fn viewer(&self, request: &Request) -> Result<Option<IpAddr>, Error> {
        let (Some(secret), Some(proof)) = (self.origin_secret, request.header(ORIGIN_SECRET)) else {
            return Ok(None);
        };
        let secret = secret.read().await?;
        let digest = |text: &str| ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        // Hashes have the same length, and of them nothing is learned by time.
        let (proof, secret) = (digest(proof), digest(secret.expose()));
        let bytes = proof.as_ref().iter().zip(secret.as_ref());
        if bytes.fold(0, |differ, (one, other)| differ | (one ^ other)) != 0 {
            return Ok(None);
        }
        Ok(request.header(VIEWER_ADDRESS).and_then(viewer_address))
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
        if let Some(viewer) = self.viewer(&request).await? {
            request.source = viewer;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewer_is_named_with_a_port() {
        for (text, address) in [
            ("198.51.100.10:46532", Some("198.51.100.10")),
            ("2001:db8::1:443", Some("2001:db8::1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("198.51.100.10", None),
            ("example.com:80", None),
            ("", None),
        ] {
            assert_eq!(viewer_address(text), address.map(|address| address.parse().unwrap()), "{text}");
        }
    }
}
