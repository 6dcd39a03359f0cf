//! Outbound HTTP: every request that does not go to AWS.
//!
//! A URL from an untrusted source (a webhook URL, the URL of a generated image) must not lead into the
//! operator's network (SSRF). The check is made on the address that is actually connected to: a host name
//! is resolved once, by a resolver that hands only permitted addresses to the connector. A second DNS
//! answer can therefore not get between the check and the connection (DNS rebinding). IP literals never
//! reach a resolver; they are checked in the URL.
//!
//! No client in this crate uses the proxy settings of the environment or follows redirects by itself.

mod body;
mod client;
mod download;
mod error;
mod guard;
mod resolver;
mod retry;

pub use body::{read_all, read_available, read_json, read_prefix};
pub use client::{Client, Timeouts};
pub use download::{AllowedHost, DownloadError, DownloadLimits, Downloader, TrustedOrigin};
pub use error::EgressError;
pub use guard::{EgressPolicy, PolicyViolation};
pub use reqwest::{Method, RequestBuilder, Response, StatusCode, header, multipart};
pub use resolver::Resolver;
pub use retry::{decimal_retry_after, retry_after};
