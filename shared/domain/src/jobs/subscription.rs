//! The events of a job that a client subscribes to, and the webhook URL.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::primitives::address::{AddressScope, address_scope, is_local_name, usable_port};
use crate::primitives::named::{InvalidValue, known_values, named_values};

named_values! {
    /// What a webhook can tell of.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
    pub enum WebhookEvent {
        /// The job was accepted.
        Queued = "job.queued",
        /// A worker took it up for the first time.
        Started = "job.started",
        /// It has come further.
        Progress = "job.progress",
        /// It ended well.
        Completed = "job.completed",
        /// It ended without images.
        Failed = "job.failed",
        /// Its owner ended it.
        Cancelled = "job.cancelled",
    }
}

impl WebhookEvent {
    /// The events for a webhook that names none: the three that end a job.
    pub const DEFAULT: [Self; 3] = [Self::Completed, Self::Failed, Self::Cancelled];
}

/// The maximum length of a webhook URL in bytes.
pub const WEBHOOK_URL_LIMIT: usize = 2048;

/// Whether webhooks may use plain `http:` on loopback. Only the local launcher allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebhookUrlPolicy {
    #[default]
    HttpsOnly,
    /// Also `http:` to a loopback address.
    AllowLoopbackHttp,
}

/// A validated webhook URL.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// Validates the text of a URL. The address that a host name resolves to is checked later, when the
    /// connection is made.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] unless `text` is an `https:` URL without user and password (or loopback `http:`,
    /// if `policy` allows it), and if the URL contains an address that is not global.
    pub fn parse(text: &str, policy: WebhookUrlPolicy) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue("must be an https URL without user and password".into());
        if text.len() > WEBHOOK_URL_LIMIT {
            return Err(InvalidValue(format!("must have at most {WEBHOOK_URL_LIMIT} characters")));
        }
        // The parser would correct the text: blanks, line breaks, `https:/host`, `https:\\host`.
        let host = text.split_once("://").map_or("", |(_, host)| host);
        if host.is_empty()
            || host.starts_with(['/', '\\'])
            || text.bytes().any(|byte| byte <= b' ' || byte == 0x7f)
        {
            return Err(invalid());
        }
        let url = Url::parse(text).map_err(|_| invalid())?;
        // What a host name resolves to is only known at the time of the connection. A literal address is
        // checked here.
        let scope = match url.host() {
            Some(Host::Domain("localhost")) => AddressScope::Loopback,
            Some(Host::Domain(_)) => AddressScope::Global,
            Some(Host::Ipv4(address)) => address_scope(address.into()),
            Some(Host::Ipv6(address)) => address_scope(address.into()),
            None => return Err(invalid()),
        };
        // Other names of this machine (RFC 6761). The egress guard allows plain `http:` for `localhost` alone.
        let local_name = url.domain().is_some_and(is_local_name);
        let scope = if local_name { AddressScope::Loopback } else { scope };
        let loopback = scope == AddressScope::Loopback;
        if scope != AddressScope::Global && !(loopback && policy == WebhookUrlPolicy::AllowLoopbackHttp) {
            return Err(InvalidValue("must not lead to a private, local or reserved address".into()));
        }
        let scheme = match url.scheme() {
            "https" => true,
            "http" => loopback && !local_name && policy == WebhookUrlPolicy::AllowLoopbackHttp,
            _ => false,
        };
        if !scheme || !url.username().is_empty() || url.password().is_some() {
            return Err(invalid());
        }
        if usable_port(&url).is_none() {
            return Err(InvalidValue("must not have port 0".into()));
        }
        Ok(Self(url))
    }

    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl std::fmt::Debug for WebhookUrl {
    /// The path and the query of a webhook URL often hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookUrl({}://{}/…)", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

/// The webhook URL and the events that the client subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookTarget {
    pub url: WebhookUrl,
    /// Those of a newer release are left out: this one cannot report them.
    #[serde(deserialize_with = "known_values")]
    pub events: Vec<WebhookEvent>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhook_url_must_be_https_or_allowed_loopback() {
        for valid in ["https://example.com/hook?a=1", "https://example.com:8443/"] {
            assert!(WebhookUrl::parse(valid, WebhookUrlPolicy::HttpsOnly).is_ok(), "{valid}");
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
        for name in ["localhost.", "x.localhost", "x.LOCALHOST.", "localhost.:8443"] {
            let url = format!("https://{name}/");
            assert!(WebhookUrl::parse(&url, WebhookUrlPolicy::HttpsOnly).is_err(), "{url}");
            assert!(WebhookUrl::parse(&url, WebhookUrlPolicy::AllowLoopbackHttp).is_ok(), "{url}");
            let plain = format!("http://{name}/");
            assert!(WebhookUrl::parse(&plain, WebhookUrlPolicy::AllowLoopbackHttp).is_err(), "{plain}");
        }
        for name in ["localhost.example.com", "notlocalhost", "localhosts"] {
            assert!(
                WebhookUrl::parse(&format!("https://{name}/"), WebhookUrlPolicy::HttpsOnly).is_ok(),
                "{name}"
            );
        }
        for rejected in
            ["", "x", "http://example.com", "ftp://example.com", "https://u:p@example.com", "https://u@e.com"]
        {
            assert!(WebhookUrl::parse(rejected, WebhookUrlPolicy::AllowLoopbackHttp).is_err(), "{rejected}");
        }
    }

    #[test]
    fn port_zero_is_refused_however_it_is_written() {
        for port in ["0", "00", "000000"] {
            for url in [format!("https://example.com:{port}/"), format!("https://[2606:4700::1111]:{port}/")]
            {
                assert!(WebhookUrl::parse(&url, WebhookUrlPolicy::HttpsOnly).is_err(), "{url}");
            }
            let url = format!("http://127.0.0.1:{port}/");
            assert!(WebhookUrl::parse(&url, WebhookUrlPolicy::AllowLoopbackHttp).is_err(), "{url}");
        }
        for url in ["https://example.com:/", "https://example.com:0443/", "https://example.com:1/"] {
            assert!(WebhookUrl::parse(url, WebhookUrlPolicy::HttpsOnly).is_ok(), "{url}");
        }
    }

    #[test]
    fn unknown_events_in_a_row_are_left_out() {
        let row = r#"{"url":"https://example.com/","events":["job.new","job.failed"]}"#;
        let target: WebhookTarget = serde_json::from_str(row).unwrap();
        assert_eq!(target.events, [WebhookEvent::Failed]);
    }
}
