//! `semantest webhooks listen --forward-to`: passes webhooks on to an endpoint in development.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{HeaderMap, StatusCode};
use reqwest::Client;
use url::Url;

use crate::output;

/// As long as the platform waits for an endpoint.
const TIMEOUT: Duration = Duration::from_secs(15);

pub(super) struct Forwarder {
    http: Client,
    url: Url,
}

impl Forwarder {
    pub(super) fn new(url: Url) -> Result<Self> {
        // The platform does not follow redirects either.
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT).build();
        Ok(Self { http: http.context("cannot set up HTTP")?, url })
    }

    /// Posts the webhook with its headers and the same bytes, so that the endpoint can verify it too. Returns
    /// the endpoint's status, or 502 if it does not answer.
    pub(super) async fn send(&self, headers: &HeaderMap, body: Bytes) -> StatusCode {
        let passed_on = headers.iter().filter(|(name, _)| {
            name.as_str().starts_with("webhook-") || [CONTENT_TYPE, USER_AGENT].contains(name)
        });
        let mut request = self.http.post(self.url.clone()).body(body);
        for (name, value) in passed_on {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(answer) => answer.status(),
            Err(error) => {
                output::note(format_args!("{}: {:#}", self.url, anyhow::Error::new(error.without_url())));
                StatusCode::BAD_GATEWAY
            }
        }
    }
}
