//! The client that all requests go through.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use url::Url;

use crate::guard::{Guard, Reach, Refused};
use crate::names::{GuardedNames, Names, SystemNames};
use crate::problem::Problem;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// To the connection, its name and its TLS included.
    pub connect: Duration,
    /// To the end of the answer's body.
    pub total: Duration,
}

/// An HTTP client that goes where its [`Reach`] allows, and nowhere else.
#[derive(Debug, Clone)]
pub struct Client {
    guard: Arc<Guard>,
    http: reqwest::Client,
    /// For URLs with the Lambda runtime's port.
    at_runtimes_port: Option<reqwest::Client>,
}

impl Client {
    /// A client that asks the system for names.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new(reach: Reach, timeouts: Timeouts) -> Result<Self, Problem> {
        Self::with_names(reach, timeouts, Arc::new(SystemNames))
    }

    /// A client that asks `names` for names.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn with_names(reach: Reach, timeouts: Timeouts, names: Arc<dyn Names>) -> Result<Self, Problem> {
        // Whoever comes second finds the first one's provider, which is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = Arc::new(Guard::new(reach));
        let http = |guard| http(guard, Arc::clone(&names), timeouts);
        let at_runtimes_port = guard.at_runtimes_port().map(Arc::new).map(http).transpose()?;
        Ok(Self { http: http(Arc::clone(&guard))?, guard, at_runtimes_port })
    }

    /// A request to `url`.
    ///
    /// # Errors
    ///
    /// [`Refused`] if that can be told from the URL itself; of a name it shows when the request is sent.
    pub fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, Refused> {
        self.guard.check(url)?;
        let at_runtimes_port = self.at_runtimes_port.as_ref().filter(|_| self.guard.has_runtimes_port(url));
        Ok(at_runtimes_port.unwrap_or(&self.http).request(method, url.clone()))
    }

    /// A GET of `url`.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub fn get(&self, url: &Url) -> Result<RequestBuilder, Refused> {
        self.request(Method::GET, url)
    }

    /// A POST to `url`.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub fn post(&self, url: &Url) -> Result<RequestBuilder, Refused> {
        self.request(Method::POST, url)
    }
}

/// A client that goes where the guard allows names to lead.
fn http(guard: Arc<Guard>, names: Arc<dyn Names>, timeouts: Timeouts) -> Result<reqwest::Client, Problem> {
    reqwest::Client::builder()
        .dns_resolver(GuardedNames { names, guard })
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // Lambda freezes a function between events: a connection that was kept may be dead by then.
        .pool_max_idle_per_host(0)
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.total)
        .user_agent(concat!("Semantest/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Problem::from(&error))
}
