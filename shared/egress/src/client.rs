//! The HTTP client for all outbound requests.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder};
use url::Url;

use crate::error::EgressError;
use crate::guard::{EgressPolicy, Guard, PolicyViolation};
use crate::resolver::{GuardedResolver, Resolver, SystemResolver};

#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until the connection is established, including the DNS lookup and the TLS handshake.
    pub connect: Duration,
    /// Until the end of the response body.
    pub total: Duration,
}

/// An HTTP client that connects only to what its [`EgressPolicy`] permits.
#[derive(Debug, Clone)]
pub struct Client {
    guard: Arc<Guard>,
    http: reqwest::Client,
    /// Used for URLs whose port is that of the Lambda runtime API. None if that port needs no stricter check.
    runtime_port_http: Option<reqwest::Client>,
}

impl Client {
    /// Creates a client that uses the system's resolver.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new(policy: EgressPolicy, timeouts: Timeouts) -> Result<Self, EgressError> {
        Self::with_resolver(policy, timeouts, Arc::new(SystemResolver))
    }

    /// Creates a client that uses `resolver`.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn with_resolver(
        policy: EgressPolicy,
        timeouts: Timeouts,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, EgressError> {
        // An error means that another client has installed the same provider before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = Arc::new(Guard::new(policy));
        let http = |guard| http(guard, Arc::clone(&resolver), timeouts);
        let runtime_port_http = guard.for_runtime_port().map(Arc::new).map(http).transpose()?;
        Ok(Self { http: http(Arc::clone(&guard))?, guard, runtime_port_http })
    }

    /// Builds a request to `url`.
    ///
    /// # Errors
    ///
    /// [`PolicyViolation`] if the URL itself shows it. A host name is checked when the request is sent.
    pub fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, PolicyViolation> {
        self.guard.check(url)?;
        let runtime_port_http = self.runtime_port_http.as_ref().filter(|_| self.guard.has_runtime_port(url));
        Ok(runtime_port_http.unwrap_or(&self.http).request(method, url.clone()))
    }

    /// Builds a GET request to `url`.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub fn get(&self, url: &Url) -> Result<RequestBuilder, PolicyViolation> {
        self.request(Method::GET, url)
    }

    /// Builds a POST request to `url`.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub fn post(&self, url: &Url) -> Result<RequestBuilder, PolicyViolation> {
        self.request(Method::POST, url)
    }
}

/// Builds a client that resolves host names through `guard`.
fn http(
    guard: Arc<Guard>,
    resolver: Arc<dyn Resolver>,
    timeouts: Timeouts,
) -> Result<reqwest::Client, EgressError> {
    // Without the header a server may choose any coding (RFC 9110, section 12.5.3), also one that is not read.
    let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    reqwest::Client::builder()
        .default_headers(headers)
        .dns_resolver(GuardedResolver { resolver, guard })
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // Lambda freezes the process between events: a pooled connection may be dead afterwards.
        .pool_max_idle_per_host(0)
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.total)
        .user_agent(concat!("Semantest/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| EgressError::from(&error))
}
