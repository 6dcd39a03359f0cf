//! What all providers over HTTP share: one bounded request, and what its failures mean.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use domain::providers::{ErrorClass, MAX_USELESS_ANSWERS, ProviderError, Reason, decisive_call};
use egress::header::HeaderMap;
use egress::{EgressError, PolicyViolation, RequestBuilder, StatusCode};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde::Deserialize;
use url::Url;

use crate::reading::{as_utf8, last_event, lenient};

/// The longest pause that a provider may ask for: a job does not live longer.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How many calls of a job run at the same time before one has brought a picture: if the service answers all of
/// them alike, so many useless answers are paid for.
const UNPROVEN_CALLS: usize = MAX_USELESS_ANSWERS as usize;

/// The base URL of a provider's API. The operator configures it, so it may be in any network.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// The URL of `path`, which begins with a slash.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let url = Url::parse(&text).map_err(|_| "must be a URL")?;
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if !web || !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err("must be an http or https URL without user, password and query");
        }
        Ok(Self(url))
    }
}

impl fmt::Debug for BaseUrl {
    /// Hides the path: it may hold a gateway's token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({}://{}/…)", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

/// A provider's answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The header's value, if it is present and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers, Timestamp::now())
    }

    /// The answer with the data of its last event as its body, if it came as an event stream.
    pub(crate) fn last_event(self) -> Self {
        Self { body: last_event(self.body), ..self }
    }

    /// The error of a success whose answer cannot be used. It may have been paid for.
    pub(crate) fn unusable(what: &str) -> ProviderError {
        ProviderError::new(ErrorClass::Provider, Reason::BadResponse, what).possibly_paid()
    }

    /// The error of a success that can be read and holds no image. It may have been paid for.
    pub(crate) fn without_image(what: &str) -> ProviderError {
        ProviderError::new(ErrorClass::Provider, Reason::NoImage, what).possibly_paid()
    }
}

/// Sends the request and reads the answer, of at most `max_bytes`, whatever its status. What arrived of a success
/// before the connection broke is an answer too: it may be whole. So is JSON that is whole when the time is up.
pub(crate) async fn send(
    request: Result<RequestBuilder, PolicyViolation>,
    timeout: Duration,
    max_bytes: usize,
) -> Result<Answer, ProviderError> {
    let exchange = async {
        let response = request?.timeout(timeout).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let (body, end) = egress::read_available(response, max_bytes).await?;
        let body = as_utf8(body);
        match end {
            Err(EgressError::ConnectionLost) if status.is_success() && !body.is_empty() => {}
            Err(EgressError::ResponseTimeout) if status.is_success() && lenient::is_whole(&body) => {}
            end => end?,
        }
        Ok::<_, EgressError>(Answer { status, headers, body })
    };
    exchange.await.map_err(no_answer)
}

/// The error of a request that no complete answer came to.
pub(crate) fn no_answer(problem: EgressError) -> ProviderError {
    let (fault, reason) = match problem {
        EgressError::PolicyViolation(_) | EgressError::RequestNotBuilt => {
            (ErrorClass::Operator, Reason::InvalidRequest)
        }
        EgressError::ResponseTimeout => (ErrorClass::Provider, Reason::Timeout),
        EgressError::ConnectFailed | EgressError::ConnectTimeout | EgressError::ConnectionLost => {
            (ErrorClass::Provider, Reason::NoAnswer)
        }
        EgressError::BodyTooLarge(_)
        | EgressError::InvalidJson
        | EgressError::Status(_)
        | EgressError::BadRedirect => (ErrorClass::Provider, Reason::BadResponse),
    };
    let error = ProviderError::new(fault, reason, problem.to_string());
    if problem.nothing_sent() { error } else { error.possibly_paid() }
}

/// Whether the status means that a gateway gave up waiting for the service behind it, which may still be
/// working: 504, and Cloudflare's 520, 522 and 524.
pub(crate) const fn gateway_gave_up(status: u16) -> bool {
    matches!(status, 504 | 520 | 522 | 524)
}

/// The pause that `Retry-After` asks for, at most [`MAX_RETRY_AFTER`].
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    egress::decimal_retry_after(headers, now).map(|pause| pause.min(MAX_RETRY_AFTER))
}

/// Runs the calls, at most `concurrency` of them at the same time, and at most [`UNPROVEN_CALLS`] until one has
/// succeeded. After a failure that concerns them all no further call starts; running ones are awaited, because their
/// results are paid for.
pub(crate) async fn run_concurrently<T>(
    calls: Vec<impl Future<Output = Result<T, ProviderError>>>,
    concurrency: u32,
) -> Vec<Result<T, ProviderError>> {
    let mut waiting = calls.into_iter();
    let concurrency = usize::try_from(concurrency).unwrap_or(usize::MAX).max(1);
    let mut running: FuturesUnordered<_> = waiting.by_ref().take(concurrency.min(UNPROVEN_CALLS)).collect();
    let mut outcomes = Vec::new();
    while let Some(outcome) = running.next().await {
        outcomes.push(outcome);
        let ends = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).any(concerns_all);
        if !ends && outcomes.iter().any(Result::is_ok) {
            running.extend(waiting.by_ref().take(concurrency - running.len()));
        }
    }
    outcomes
}

/// Whether a call's failure speaks of more than its own images: a refusal of one leaves the others to be made.
fn concerns_all(failure: &ProviderError) -> bool {
    failure.class != ErrorClass::Caller
}

/// Returns `Ok` if there are no failures; otherwise the one whose error class decides most about what the
/// worker does next, possibly paid for if any of them is.
pub(crate) fn fail_if_any(failures: impl IntoIterator<Item = ProviderError>) -> Result<(), ProviderError> {
    decisive_call(failures.into_iter().collect()).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use egress::header::RETRY_AFTER;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn retry_after_is_read_in_all_forms_and_capped() {
        let now = Timestamp::from_millis(1_795_380_911_000); // Sun, 22 Nov 2026 20:55:11 GMT
        for (value, expected) in [
            ("17", Some(17.0)),
            (" 0.25 ", Some(0.25)),
            ("0", Some(0.0)),
            ("Sun, 22 Nov 2026 20:56:11 GMT", Some(60.0)),
            ("Sun, 22 Nov 2026 20:50:11 GMT", Some(0.0)),
            ("99999999999999999999999999", Some(86_400.0)),
            ("inf", Some(86_400.0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400.0)),
            ("-1", None),
            ("NaN", None),
            ("soon", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs_f64), "{value}");
        }
    }

    #[test]
    fn base_url_takes_a_path_and_hides_it_in_debug() {
        let base = |text: &str| BaseUrl::try_from(text.to_owned());
        for text in ["http://127.0.0.1:7860", "http://127.0.0.1:7860/", "https://gw.example/t0ken/"] {
            let url = base(text).unwrap().at("/sdapi/v1/txt2img");
            assert_eq!(url.as_str(), format!("{}/sdapi/v1/txt2img", text.trim_end_matches('/')));
        }
        assert!(!format!("{:?}", base("https://gw.example/t0ken/").unwrap()).contains("t0ken"));
        for text in ["", "gw.example", "ftp://gw.example", "https://u:p@gw.example", "https://gw.example?k=1"]
        {
            assert!(base(text).is_err(), "{text}");
        }
    }

    #[test]
    fn most_significant_failure_is_returned() {
        let failure = |fault| ProviderError::new(fault, Reason::Failed, "x");
        let all = fail_if_any([ErrorClass::Provider, ErrorClass::Caller, ErrorClass::Capacity].map(failure));
        let returned = all.unwrap_err();
        assert_eq!((returned.class, returned.possibly_paid), (ErrorClass::Caller, false));
        let all = fail_if_any([failure(ErrorClass::Provider).possibly_paid(), failure(ErrorClass::Capacity)]);
        let returned = all.unwrap_err();
        assert_eq!((returned.class, returned.possibly_paid), (ErrorClass::Capacity, true));
        assert!(fail_if_any([]).is_ok());
    }

    #[tokio::test]
    async fn run_concurrently_keeps_its_limit_and_starts_two_calls_before_a_success() {
        for limit in 1..=4_usize {
            let (running, most, started) = (Cell::new(0), Cell::new(0), Cell::new(0));
            let (running, most, started) = (&running, &most, &started);
            let call = |outcome: Result<(), ErrorClass>| async move {
                started.set(started.get() + 1);
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                tokio::task::yield_now().await;
                running.set(running.get() - 1);
                outcome.map_err(|class| ProviderError::new(class, Reason::Failed, "x"))
            };
            let (all, own) = (Err(ErrorClass::Provider), Err(ErrorClass::Caller));
            let run = async |outcomes: &[Result<(), ErrorClass>]| {
                let calls = outcomes.iter().map(|outcome| call(*outcome)).collect();
                run_concurrently(calls, limit as u32).await
            };
            let outcomes = run(&[Ok(()); 8]).await;
            assert_eq!((outcomes.len(), most.get()), (8, limit));
            started.set(0);
            let outcomes = run(&[all; 4]).await;
            let tried = limit.min(2);
            assert_eq!((outcomes.len(), started.get()), (tried, tried), "and all of these are awaited");
            assert_eq!(run(&[own; 4]).await.len(), tried, "nothing says that the others would do better");
            assert_eq!(run(&[Ok(()), own, Ok(()), own, Ok(())]).await.len(), 5);
            assert!(run(&[Ok(()), all, Ok(()), Ok(()), Ok(()), Ok(())]).await.len() <= 2 + limit);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = BaseUrl::try_from(text);
        }
    }
}
