//! Fetches what a provider points to: bounded in bytes, in time and in redirects.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::{HeaderMap, LOCATION};
use url::Url;

use crate::body;
use crate::client::{Client, Timeouts};
use crate::guard::Reach;
use crate::problem::Problem;

/// How often a download may be sent elsewhere.
const REDIRECTS: usize = 3;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// How much a download may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of bytes.
    pub max_bytes: usize,
    /// Of time, all redirects included.
    pub timeout: Duration,
}

/// The provider's own base URL, as the operator has configured it.
#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    /// The URL. Only its scheme, host and port matter.
    pub url: &'a Url,
    /// What is sent there, such as the provider's key, and to nobody else.
    pub headers: &'a HeaderMap,
}

impl Base<'_> {
    fn holds(&self, url: &Url) -> bool {
        self.url.origin().is_tuple() && self.url.origin() == url.origin()
    }
}

/// Fetches what a provider points to.
#[derive(Debug, Clone)]
pub struct Downloader {
    strangers: Client,
    configured: Client,
}

impl Downloader {
    /// A downloader.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new() -> Result<Self, Problem> {
        // A download's own limit is the one that counts.
        let timeouts = Timeouts { connect: CONNECT, total: Duration::from_secs(900) };
        Ok(Self {
            strangers: Client::new(Reach::Public, timeouts)?,
            configured: Client::new(Reach::Configured, timeouts)?,
        })
    }

    /// The body behind `url`. On the host of `base` it may lie in any network; everywhere else, and
    /// wherever a redirect leads, only behind `https:` and global addresses, and nothing of `base` is sent.
    ///
    /// # Errors
    ///
    /// [`Problem`].
    pub async fn get(&self, url: &Url, limits: Limits, base: Option<Base<'_>>) -> Result<Bytes, Problem> {
        let fetching = async {
            let answer = self.follow(url.clone(), base).await?;
            body::whole(answer, limits.max_bytes).await
        };
        tokio::time::timeout(limits.timeout, fetching).await.unwrap_or(Err(Problem::NoAnswerInTime))
    }

    async fn follow(&self, mut url: Url, base: Option<Base<'_>>) -> Result<Response, Problem> {
        for _ in 0..=REDIRECTS {
            let answer = match base.filter(|base| base.holds(&url)) {
                Some(base) => self.configured.get(&url)?.headers(base.headers.clone()).send().await?,
                None => self.strangers.get(&url)?.send().await?,
            };
            let status = answer.status();
            if status.is_success() {
                return Ok(answer);
            }
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Err(Problem::Status(status.as_u16()));
            }
            let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            url = to.and_then(|to| url.join(to).ok()).ok_or(Problem::Redirects)?;
        }
        Err(Problem::Redirects)
    }
}
