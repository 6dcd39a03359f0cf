//! What all providers that are asked over HTTP have in common: one bounded exchange, and how its
//! failures are told.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use domain::Timestamp;
use domain::provider::{FaultOf, ProviderError, Reason};
use egress::header::HeaderMap;
use egress::{Problem, Refused, RequestBuilder, StatusCode};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde::Deserialize;
use url::Url;

/// The longest time that a provider may send us away for. A job does not live longer.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// Some servers leave out what fills up the last letters.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where a provider's API begins: the operator's word, so any network will do.
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
    /// A path may hold what opens a gateway.
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
    /// The header's value, if it is there and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// When the provider wants to be asked again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers, Timestamp::now())
    }

    /// The answer is a success, but not one that anybody can use. It is paid for, for all we know.
    pub(crate) fn unusable(what: &str) -> ProviderError {
        ProviderError::new(FaultOf::Provider, Reason::BadResponse, what).maybe_paid()
    }
}

/// Sends the request and reads the answer, of at most `max_bytes`, whatever its status.
pub(crate) async fn ask(
    request: Result<RequestBuilder, Refused>,
    within: Duration,
    max_bytes: usize,
) -> Result<Answer, ProviderError> {
    let exchange = async {
        let response = request?.timeout(within).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = egress::whole(response, max_bytes).await?;
        Ok::<_, Problem>(Answer { status, headers, body })
    };
    exchange.await.map_err(unanswered)
}

/// What it means that no answer came.
pub(crate) fn unanswered(problem: Problem) -> ProviderError {
    let (fault, reason) = match problem {
        Problem::Refused(_) | Problem::NotBuilt => (FaultOf::Operator, Reason::InvalidRequest),
        Problem::NoAnswerInTime => (FaultOf::Provider, Reason::Timeout),
        Problem::NoConnection | Problem::NoConnectionInTime | Problem::Broken => {
            (FaultOf::Provider, Reason::NoAnswer)
        }
        Problem::TooLong(_) | Problem::BadJson | Problem::Status(_) | Problem::Redirects => {
            (FaultOf::Provider, Reason::BadResponse)
        }
    };
    let error = ProviderError::new(fault, reason, problem.to_string());
    if problem.nothing_sent() { error } else { error.maybe_paid() }
}

/// The pause that `Retry-After` asks for, at most [`MAX_RETRY_AFTER`].
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    egress::decimal_retry_after(headers, now).map(|pause| pause.min(MAX_RETRY_AFTER))
}

/// Runs the calls, at most `at_once` at the same time. Once one has failed no further one is begun; those
/// that are under way are waited for, for what they bring is paid for.
pub(crate) async fn in_turn<T, E>(
    calls: Vec<impl Future<Output = Result<T, E>>>,
    at_once: u32,
) -> Vec<Result<T, E>> {
    let mut waiting = calls.into_iter();
    let at_once = usize::try_from(at_once).unwrap_or(usize::MAX).max(1);
    let mut under_way: FuturesUnordered<_> = waiting.by_ref().take(at_once).collect();
    let mut outcomes = Vec::new();
    while let Some(outcome) = under_way.next().await {
        outcomes.push(outcome);
        if outcomes.iter().all(Result::is_ok) {
            under_way.extend(waiting.next());
        }
    }
    outcomes
}

/// All is well unless there are failures. Of several, the one is told that most decides what is to be done.
pub(crate) fn unless_failed(failures: impl IntoIterator<Item = ProviderError>) -> Result<(), ProviderError> {
    let failures: Vec<_> = failures.into_iter().collect();
    let maybe_paid = failures.iter().any(|failure| failure.maybe_paid);
    let weight = |failure: &ProviderError| match failure.fault {
        FaultOf::Caller => 0,
        FaultOf::Operator => 1,
        FaultOf::Capacity => 2,
        FaultOf::Provider => 3,
        FaultOf::Ours => 4,
    };
    match failures.into_iter().min_by_key(weight) {
        None => Ok(()),
        Some(failure) => Err(ProviderError { maybe_paid, ..failure }),
    }
}

/// The bytes behind base64, also where it stands in a `data:` URL.
pub(crate) fn decoded(text: &str) -> Option<Bytes> {
    let text = match text.strip_prefix("data:") {
        Some(url) => url.split_once(',')?.1,
        None => text,
    };
    let bytes = BASE64.decode(text.trim()).ok()?;
    (!bytes.is_empty()).then(|| bytes.into())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use egress::header::RETRY_AFTER;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
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
    fn a_base_may_have_a_path_and_shows_little_of_itself() {
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
    fn base64_is_read_with_and_without_what_stands_around_it() {
        for text in ["aGVsbG8=", "aGVsbG8", "\naGVsbG8=\n", "data:image/png;base64,aGVsbG8="] {
            assert_eq!(decoded(text).as_deref(), Some(&b"hello"[..]), "{text}");
        }
        for text in ["", "a", "%%%%", "data:image/png;base64", "data:image/png;base64,", "<html>"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    #[test]
    fn the_failure_that_decides_most_is_told() {
        let failure = |fault| ProviderError::new(fault, Reason::Failed, "x");
        let told = unless_failed([FaultOf::Provider, FaultOf::Caller, FaultOf::Capacity].map(failure));
        let told = told.unwrap_err();
        assert_eq!((told.fault, told.maybe_paid), (FaultOf::Caller, false));
        let told = unless_failed([failure(FaultOf::Provider).maybe_paid(), failure(FaultOf::Capacity)]);
        let told = told.unwrap_err();
        assert_eq!((told.fault, told.maybe_paid), (FaultOf::Capacity, true));
        assert!(unless_failed([]).is_ok());
    }

    #[tokio::test]
    async fn no_more_calls_are_under_way_than_may_be_and_none_is_begun_after_a_failure() {
        for at_once in 1..=4_usize {
            let (under_way, most, begun) = (Cell::new(0), Cell::new(0), Cell::new(0));
            let (under_way, most, begun) = (&under_way, &most, &begun);
            let call = |outcome: Result<(), ()>| async move {
                begun.set(begun.get() + 1);
                under_way.set(under_way.get() + 1);
                most.set(most.get().max(under_way.get()));
                tokio::task::yield_now().await;
                under_way.set(under_way.get() - 1);
                outcome
            };
            let outcomes = in_turn((0..4).map(|_| call(Ok(()))).collect(), at_once as u32).await;
            assert_eq!((outcomes.len(), most.get()), (4, at_once));
            begun.set(0);
            let outcomes = in_turn((0..4).map(|_| call(Err(()))).collect(), at_once as u32).await;
            assert_eq!((outcomes.len(), begun.get()), (at_once, at_once), "and all of these are waited for");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = decoded(&text);
            let _ = BaseUrl::try_from(text);
        }
    }
}
