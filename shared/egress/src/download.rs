//! Downloads of files that a provider links to, limited in bytes, time and redirects.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::{HeaderMap, LOCATION};
use url::Url;

use crate::body;
use crate::client::{Client, Timeouts};
use crate::error::EgressError;
use crate::guard::EgressPolicy;

/// How many redirects one download follows.
const MAX_REDIRECTS: usize = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy)]
pub struct DownloadLimits {
    pub max_bytes: usize,
    /// For the whole download, all redirects included.
    pub timeout: Duration,
}

/// The provider's base URL as the operator configured it.
#[derive(Debug, Clone, Copy)]
pub struct TrustedOrigin<'a> {
    /// Only scheme, host and port matter.
    pub url: &'a Url,
    /// Sent to this origin only, since they may hold the provider's API key.
    pub headers: &'a HeaderMap,
}

impl TrustedOrigin<'_> {
    fn matches(&self, url: &Url) -> bool {
        self.url.origin().is_tuple() && self.url.origin() == url.origin()
    }
}

#[derive(Debug, Clone)]
pub struct Downloader {
    untrusted: Client,
    trusted: Client,
}

impl Downloader {
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new() -> Result<Self, EgressError> {
        // The effective limit is the timeout of the individual download.
        let timeouts = Timeouts { connect: CONNECT_TIMEOUT, total: Duration::from_secs(900) };
        Ok(Self {
            untrusted: Client::new(EgressPolicy::PublicOnly, timeouts)?,
            trusted: Client::new(EgressPolicy::Trusted, timeouts)?,
        })
    }

    /// Downloads `url`. A URL of the trusted `origin` may be in any network. Every other URL, and every
    /// redirect target outside that origin, must use `https:` and a global address, and gets none of the
    /// origin's headers.
    ///
    /// # Errors
    ///
    /// [`EgressError`].
    pub async fn get(
        &self,
        url: &Url,
        limits: DownloadLimits,
        origin: Option<TrustedOrigin<'_>>,
    ) -> Result<Bytes, EgressError> {
        let download = async {
            let response = self.follow(url.clone(), origin).await?;
            body::read_all(response, limits.max_bytes).await
        };
        tokio::time::timeout(limits.timeout, download).await.unwrap_or(Err(EgressError::ResponseTimeout))
    }

    async fn follow(&self, mut url: Url, origin: Option<TrustedOrigin<'_>>) -> Result<Response, EgressError> {
        for _ in 0..=MAX_REDIRECTS {
            let response = match origin.filter(|origin| origin.matches(&url)) {
                Some(origin) => self.trusted.get(&url)?.headers(origin.headers.clone()).send().await?,
                None => self.untrusted.get(&url)?.send().await?,
            };
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Err(EgressError::Status(status.as_u16()));
            }
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let target = location.and_then(|location| url.join(location).ok());
            url = target.ok_or(EgressError::BadRedirect)?;
        }
        Err(EgressError::BadRedirect)
    }
}
