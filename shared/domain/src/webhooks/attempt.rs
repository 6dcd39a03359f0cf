//! One attempt to deliver a webhook, and its outcome.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::primitives::timestamp::Timestamp;

/// How many bytes of a response body are kept.
pub const MAX_RESPONSE_KEPT: usize = 1024;

/// One attempt to deliver a webhook, as kept in the delivery's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When the attempt began.
    pub at: Timestamp,
    /// The duration. `None` while the attempt is in progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
    /// The HTTP status of the response, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The first [`MAX_RESPONSE_KEPT`] bytes of the response body. This text comes from the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Why there was no response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Attempt {
    pub(super) const fn begun(number: u32, at: Timestamp) -> Self {
        Self { number, at, millis: None, status: None, answer: None, error: None }
    }

    /// Returns whether the outcome is unknown: the attempt is in progress, or its sender crashed.
    pub(super) const fn open(&self) -> bool {
        self.status.is_none() && self.error.is_none()
    }

    pub(super) fn end(&mut self, outcome: &Outcome) {
        self.millis = Some(u64::try_from(outcome.duration.as_millis()).unwrap_or(u64::MAX));
        match &outcome.answer {
            Ok(answer) => {
                self.status = Some(answer.status);
                self.answer = Some(answer.body_prefix.clone()).filter(|text| !text.is_empty());
            }
            Err(problem) => self.error = Some(problem.clone()),
        }
    }
}

/// The outcome of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub duration: Duration,
    /// The response, or why there was none. The error text contains no part of the URL.
    pub answer: Result<EndpointResponse, String>,
}

/// The response of a webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointResponse {
    /// The HTTP status.
    pub status: u16,
    /// How long the endpoint asks the sender to wait.
    pub retry_after: Option<Duration>,
    /// The beginning of the body: at most [`MAX_RESPONSE_KEPT`] bytes.
    pub body_prefix: String,
}

impl EndpointResponse {
    /// Creates a response that keeps the first [`MAX_RESPONSE_KEPT`] bytes of `body` as text.
    #[must_use]
    pub fn new(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&body[..body.len().min(MAX_RESPONSE_KEPT)]);
        // Invalid UTF-8 becomes longer when it is converted to text.
        let end = (0..=MAX_RESPONSE_KEPT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        Self { status, retry_after, body_prefix: text[..end.unwrap_or(0)].to_owned() }
    }
}

impl Outcome {
    fn status(&self) -> Option<u16> {
        self.answer.as_ref().ok().map(|answer| answer.status)
    }

    /// Returns whether the endpoint accepted the webhook: only with a 2xx status.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.status().is_some_and(|status| (200..300).contains(&status))
    }

    /// Returns whether the endpoint never wants this event again: status 410.
    #[must_use]
    pub fn gone(&self) -> bool {
        self.status() == Some(410)
    }

    /// Returns how long the endpoint asks the sender to wait. Only responses 429 and 503 may ask for
    /// this.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let answer = self.answer.as_ref().ok()?;
        answer.retry_after.filter(|_| matches!(answer.status, 429 | 503))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_body_is_truncated_to_one_kib() {
        assert_eq!(EndpointResponse::new(200, None, b"ok").body_prefix, "ok");
        assert_eq!(EndpointResponse::new(200, None, &[b'x'; 3000]).body_prefix.len(), MAX_RESPONSE_KEPT);
        assert!(
            EndpointResponse::new(200, None, "ü".repeat(3000).as_bytes()).body_prefix.len()
                <= MAX_RESPONSE_KEPT
        );
        // Each of these bytes becomes three.
        assert_eq!(
            EndpointResponse::new(200, None, &[0xff; 3000]).body_prefix.len(),
            MAX_RESPONSE_KEPT / 3 * 3
        );
    }

    #[test]
    fn only_2xx_is_accepted_and_only_410_is_gone() {
        let outcome = |status| Outcome {
            duration: Duration::ZERO,
            answer: Ok(EndpointResponse {
                status,
                retry_after: Some(Duration::from_secs(7)),
                body_prefix: String::new(),
            }),
        };
        for status in 100..600 {
            assert_eq!(outcome(status).accepted(), (200..=299).contains(&status), "{status}");
            assert_eq!(outcome(status).gone(), status == 410);
            assert_eq!(outcome(status).retry_after().is_some(), status == 429 || status == 503);
        }
        let none = Outcome { duration: Duration::ZERO, answer: Err("no connection".into()) };
        assert!(!none.accepted() && !none.gone() && none.retry_after().is_none());
    }
}
