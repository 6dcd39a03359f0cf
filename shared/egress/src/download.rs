//! Downloads of files that a provider links to, limited in bytes, time and redirects.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::{HeaderMap, LOCATION};
use serde::de::{Deserialize, Deserializer, Error as _};
use url::{Host, Url};

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

/// A host that the operator allows pictures to be downloaded from, whatever network it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    host: Host,
    /// Any port if absent.
    port: Option<u16>,
}

impl AllowedHost {
    fn matches(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        let same = url.host().is_some_and(|host| host.to_owned() == self.host);
        same && self.port.is_none_or(|allowed| port == Some(allowed))
    }
}

impl TryFrom<String> for AllowedHost {
    type Error = &'static str;

    /// Reads `host` or `host:port`. An IPv6 address is in brackets.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str =
            "must be a host or host:port, such as minio.internal:9000, without http:// and path";
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port != 0).ok_or(WRONG)?;
                (name, Some(port))
            }
            Some(_) | None => (text.as_str(), None),
        };
        let plain = |c: char| !c.is_whitespace() && !"/\\?#@*%".contains(c);
        if name.is_empty() || !name.chars().all(plain) || name.contains(':') != name.starts_with('[') {
            return Err(WRONG);
        }
        // Read like the URLs that it is compared with.
        let host =
            Url::parse(&format!("http://{name}/")).ok().and_then(|url| url.host().map(|h| h.to_owned()));
        Ok(Self { host: host.ok_or(WRONG)?, port })
    }
}

impl<'de> Deserialize<'de> for AllowedHost {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// What the operator configured: where a provider is, and where its pictures may be.
#[derive(Debug, Clone, Copy)]
pub struct TrustedOrigin<'a> {
    /// The provider's base URL. Only scheme, host and port matter.
    pub url: &'a Url,
    /// Sent to this origin only, since they may hold the provider's API key.
    pub headers: &'a HeaderMap,
    /// Other hosts in any network, also over plain `http:`.
    pub also: &'a [AllowedHost],
}

impl TrustedOrigin<'_> {
    fn matches(&self, url: &Url) -> bool {
        self.url.origin().is_tuple() && self.url.origin() == url.origin()
    }
}

/// Why a download failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct DownloadError {
    pub problem: EgressError,
    /// If only the operator's settings forbid the address: its host and port, which
    /// [`TrustedOrigin::also`] could name.
    pub allowable: Option<String>,
}

impl From<EgressError> for DownloadError {
    fn from(problem: EgressError) -> Self {
        Self { problem, allowable: None }
    }
}

impl From<reqwest::Error> for DownloadError {
    fn from(error: reqwest::Error) -> Self {
        EgressError::from(&error).into()
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

    /// Downloads `url`. A URL of the trusted `origin`, or of a host that it also names, may be in any network.
    /// Every other URL, and every redirect target elsewhere, must use `https:` and a global address. Only the
    /// origin itself gets its headers.
    ///
    /// # Errors
    ///
    /// [`DownloadError`].
    pub async fn get(
        &self,
        url: &Url,
        limits: DownloadLimits,
        origin: Option<TrustedOrigin<'_>>,
    ) -> Result<Bytes, DownloadError> {
        let download = async {
            let response = self.follow(url.clone(), origin).await?;
            Ok(body::read_all(response, limits.max_bytes).await?)
        };
        let late = || Err(EgressError::ResponseTimeout.into());
        tokio::time::timeout(limits.timeout, download).await.unwrap_or_else(|_| late())
    }

    async fn follow(
        &self,
        mut url: Url,
        origin: Option<TrustedOrigin<'_>>,
    ) -> Result<Response, DownloadError> {
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&url, origin).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Err(EgressError::Status(status.as_u16()).into());
            }
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let target = location.and_then(|location| url.join(location).ok());
            url = target.ok_or(EgressError::BadRedirect)?;
        }
        Err(EgressError::BadRedirect.into())
    }

    async fn send(&self, url: &Url, origin: Option<TrustedOrigin<'_>>) -> Result<Response, DownloadError> {
        if let Some(origin) = origin.filter(|origin| origin.matches(url)) {
            let request = self.trusted.get(url).map_err(EgressError::from)?;
            return Ok(request.headers(origin.headers.clone()).send().await?);
        }
        if origin.is_some_and(|origin| origin.also.iter().any(|allowed| allowed.matches(url))) {
            return Ok(self.trusted.get(url).map_err(EgressError::from)?.send().await?);
        }
        let sent = async { Ok::<_, EgressError>(self.untrusted.get(url)?.send().await?) };
        sent.await.map_err(|problem| {
            let forbidden =
                matches!(problem, EgressError::PolicyViolation(_)) && self.trusted.get(url).is_ok();
            DownloadError { problem, allowable: host_and_port(url).filter(|_| forbidden) }
        })
    }
}

fn host_and_port(url: &Url) -> Option<String> {
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_host_is_a_host_with_or_without_a_port() {
        let allowed = |text: &str| AllowedHost::try_from(text.to_owned());
        for (text, url, expected) in [
            ("10.0.0.5:9000", "http://10.0.0.5:9000/p.png", true),
            ("10.0.0.5:9000", "http://10.0.0.5:9001/p.png", false),
            ("10.0.0.5:9000", "http://10.0.0.6:9000/p.png", false),
            ("10.0.0.5", "http://10.0.0.5:9000/p.png", true),
            ("minio.internal:443", "https://MinIO.internal/p.png", true),
            ("MinIO.internal:80", "http://minio.internal/p.png", true),
            ("minio.internal:80", "https://minio.internal/p.png", false),
            ("minio.internal", "http://minio.internal.evil.example/p.png", false),
            ("minio", "http://evil-minio/p.png", false),
            ("[fd00::5]:9000", "http://[fd00:0::5]:9000/p.png", true),
            ("[fd00::5]", "http://[fd00::6]/p.png", false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(allowed(text).unwrap().matches(&url), expected, "{text} {url}");
        }
        for text in [
            "",
            ":9000",
            "http://10.0.0.5:9000",
            "10.0.0.5:9000/path",
            "10.0.0.5/24",
            "*.internal",
            "a b",
            "10.0.0.5:0",
            "10.0.0.5:70000",
            "10.0.0.5:",
            "user@host",
            "fd00::5",
            "host?x",
            "host#x",
            "%31",
        ] {
            assert!(allowed(text).is_err(), "{text}");
        }
    }
}
