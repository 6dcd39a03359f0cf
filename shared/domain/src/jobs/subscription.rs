//! Which events of a job a client wants, and at which URL.

use crate::primitives::address::{AddressScope, address_scope};
use crate::primitives::named::{InvalidValue, NamedValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// What a webhook can tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum WebhookEvent {
    /// The job was accepted.
    #[serde(rename = "job.queued")]
    Queued,
    /// A worker took it up for the first time.
    #[serde(rename = "job.started")]
    Started,
    /// It has come further.
    #[serde(rename = "job.progress")]
    Progress,
    /// It ended well.
    #[serde(rename = "job.completed")]
    Completed,
    /// It ended without images.
    #[serde(rename = "job.failed")]
    Failed,
    /// Its owner ended it.
    #[serde(rename = "job.cancelled")]
    Cancelled,
}

impl WebhookEvent {
    /// What a receiver gets that named no events: the three endings.
    pub const DEFAULT: [Self; 3] = [Self::Completed, Self::Failed, Self::Cancelled];
}

impl NamedValue for WebhookEvent {
    const ALL: &'static [Self] =
        &[Self::Queued, Self::Started, Self::Progress, Self::Completed, Self::Failed, Self::Cancelled];

    fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "job.queued",
            Self::Started => "job.started",
            Self::Progress => "job.progress",
            Self::Completed => "job.completed",
            Self::Failed => "job.failed",
            Self::Cancelled => "job.cancelled",
        }
    }
}

/// The most characters that a webhook URL may have.
pub const WEBHOOK_URL_LIMIT: usize = 2048;

/// Whether webhooks may go to plain `http:` on loopback: only where the local launcher says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebhookUrlPolicy {
    /// `https:` only.
    #[default]
    HttpsOnly,
    /// `http:` to a loopback address too.
    AllowLoopbackHttp,
}

/// Where webhooks go.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// Checks the spelling of `text`; the address behind it is checked when it is connected to.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] for anything but an `https:` URL without a user in it (and loopback `http:`, where `reach` allows
    /// it), and for an address that is not global.
    pub fn parse(text: &str, reach: WebhookUrlPolicy) -> Result<Self, InvalidValue> {
        let broken = || InvalidValue("must be an https URL without user and password".into());
        if text.len() > WEBHOOK_URL_LIMIT {
            return Err(InvalidValue(format!("must have at most {WEBHOOK_URL_LIMIT} characters")));
        }
        let url = Url::parse(text).map_err(|_| broken())?;
        // What a name leads to shows when it is connected to; what is written out can be told at once.
        let scope = match url.host() {
            Some(Host::Domain("localhost")) => AddressScope::Loopback,
            Some(Host::Domain(_)) => AddressScope::Global,
            Some(Host::Ipv4(address)) => address_scope(address.into()),
            Some(Host::Ipv6(address)) => address_scope(address.into()),
            None => return Err(broken()),
        };
        let loopback = scope == AddressScope::Loopback;
        if scope != AddressScope::Global && !(loopback && reach == WebhookUrlPolicy::AllowLoopbackHttp) {
            return Err(InvalidValue("must not lead to a private, local or reserved address".into()));
        }
        let scheme = match url.scheme() {
            "https" => true,
            "http" => loopback && reach == WebhookUrlPolicy::AllowLoopbackHttp,
            _ => false,
        };
        if !scheme || !url.username().is_empty() || url.password().is_some() {
            return Err(broken());
        }
        Ok(Self(url))
    }

    /// The URL.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl std::fmt::Debug for WebhookUrl {
    /// Paths and queries of webhooks often hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookUrl({}://{}/…)", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

/// Where webhooks go, and for which events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookTarget {
    /// Where to.
    pub url: WebhookUrl,
    /// For what.
    pub events: Vec<WebhookEvent>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_go_to_https_only_but_for_loopback_where_allowed() {
        for good in ["https://example.com/hook?a=1", "https://example.com:8443/"] {
            assert!(WebhookUrl::parse(good, WebhookUrlPolicy::HttpsOnly).is_ok(), "{good}");
        }
        let local = ["http://127.0.0.1:9000/hook", "http://localhost/x", "http://[::1]:1/"];
        for url in local {
            assert!(WebhookUrl::parse(url, WebhookUrlPolicy::HttpsOnly).is_err(), "{url}");
            assert!(WebhookUrl::parse(url, WebhookUrlPolicy::AllowLoopbackHttp).is_ok(), "{url}");
        }
        for address in ["10.0.0.1", "2130706433", "0xa9fea9fe", "[::1]", "[::ffff:10.0.0.1]", "192.0.2.1"] {
            assert!(
                WebhookUrl::parse(&format!("https://{address}/"), WebhookUrlPolicy::HttpsOnly).is_err(),
                "{address}"
            );
        }
        assert!(WebhookUrl::parse("https://10.0.0.1/", WebhookUrlPolicy::AllowLoopbackHttp).is_err());
        for bad in
            ["", "x", "http://example.com", "ftp://example.com", "https://u:p@example.com", "https://u@e.com"]
        {
            assert!(WebhookUrl::parse(bad, WebhookUrlPolicy::AllowLoopbackHttp).is_err(), "{bad}");
        }
    }
}
