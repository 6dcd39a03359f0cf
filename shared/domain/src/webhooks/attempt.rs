//! One try at a webhook, and what came of it.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::primitives::timestamp::Timestamp;

/// How many bytes of an answer are kept.
pub const MAX_RESPONSE_KEPT: usize = 1024;

/// One try at a webhook, as its row keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Which one, from 1.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took; unknown while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
    /// The status of the answer, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How the answer began: the receiver's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Attempt {
    pub(super) const fn begun(number: u32, at: Timestamp) -> Self {
        Self { number, at, millis: None, status: None, answer: None, error: None }
    }

    /// Whether nothing is known of its end.
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

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How long it took.
    pub duration: Duration,
    /// The answer, or why there was none, in words that hold nothing of the URL.
    pub answer: Result<EndpointResponse, String>,
}

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointResponse {
    /// Its status.
    pub status: u16,
    /// For how long it wants to be left alone.
    pub retry_after: Option<Duration>,
    /// How its body began.
    pub body_prefix: String,
}

impl EndpointResponse {
    /// The answer of this status, with the first [`MAX_RESPONSE_KEPT`] bytes of its body as text.
    #[must_use]
    pub fn new(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&body[..body.len().min(MAX_RESPONSE_KEPT)]);
        // What is no text takes more bytes as text.
        let end = (0..=MAX_RESPONSE_KEPT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        Self { status, retry_after, body_prefix: text[..end.unwrap_or(0)].to_owned() }
    }
}

impl Outcome {
    fn status(&self) -> Option<u16> {
        self.answer.as_ref().ok().map(|answer| answer.status)
    }

    /// Whether the receiver took it: 2xx, and nothing else.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.status().is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the receiver wants this event never again.
    #[must_use]
    pub fn gone(&self) -> bool {
        self.status() == Some(410)
    }

    /// For how long the receiver wants to be left alone, where its word counts: with 429 and 503.
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
    fn of_an_answer_one_kib_is_kept_whatever_it_is() {
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
    fn two_hundreds_are_success_and_nothing_else() {
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
