//! The operator's server: its address, its user, and the HTTP client for it.

use std::time::Duration;

use domain::primitives::Secret;
use egress::{Client, EgressError, EgressPolicy, Method, PolicyViolation, RequestBuilder, Timeouts};
use url::Url;

use super::settings::Settings;
use crate::call::BaseUrl;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Server {
    base: BaseUrl,
    username: Option<String>,
    password: Option<Secret>,
    http: Client,
}

impl Server {
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub(super) fn new(settings: &Settings) -> Result<Self, EgressError> {
        let total = Duration::from_secs(settings.timeout_seconds.get().into());
        let timeouts = Timeouts { connect: CONNECT_TIMEOUT, total };
        Ok(Self {
            base: settings.base_url.clone(),
            username: settings.username.clone(),
            password: settings.password.clone(),
            http: Client::new(EgressPolicy::Trusted, timeouts)?,
        })
    }

    pub(super) fn post(&self, path: &str) -> Result<RequestBuilder, PolicyViolation> {
        self.request(Method::POST, &self.base.at(path))
    }

    /// A GET of `path` with `query`, which has no `?`.
    pub(super) fn get(&self, path: &str, query: &str) -> Result<RequestBuilder, PolicyViolation> {
        let mut url = self.base.at(path);
        url.set_query(Some(query));
        self.request(Method::GET, &url)
    }

    fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, PolicyViolation> {
        let request = self.http.request(method, url)?;
        Ok(match &self.username {
            Some(user) => request.basic_auth(user, self.password.as_ref().map(Secret::expose)),
            None => request,
        })
    }
}
