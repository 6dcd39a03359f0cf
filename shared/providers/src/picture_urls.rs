//! Downloads of pictures that a provider links to, and what their failures mean.
//!
//! A picture behind a URL is paid for. So whatever can still be mended is tried again at the same URL, by the
//! step that the adapter is asked for next.

use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use domain::providers::{ErrorClass, ImageSink, ProviderError, Reason, WaitReason};
use egress::header::HeaderMap;
use egress::{AllowedHost, DownloadError, DownloadLimits, Downloader, EgressError, TrustedOrigin};
use pictures::decode::is_supported;
use pictures::prepare::is_cut_off;
use tracing::error;
use url::Url;

use crate::call;
use crate::reading::{decode_base64, is_data_url};

/// For how long a URL that does not lead to a picture is tried again: a service may announce a picture before
/// its storage has it.
pub(crate) const LAG: Duration = Duration::from_secs(60);
/// For how long a URL is tried again that may work at any time. OpenAI keeps an image that long behind its URL
/// (API reference, `images/generate`: 60 minutes).
pub(crate) const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// The first tries of a URL are closer together.
const YOUNG: Duration = Duration::from_secs(10);
/// The pause before another look at a URL that the operator has to allow.
const ALLOWANCE_POLL: Duration = Duration::from_secs(20);

/// A picture that was made but could not be fetched or used.
#[derive(Debug)]
pub(crate) struct Undelivered {
    pub(crate) failure: ProviderError,
    /// For how long after it was made it is tried again; not at all if zero.
    pub(crate) again_for: Duration,
    /// Whether the operator has to allow its host first.
    pub(crate) forbidden: bool,
}

impl Undelivered {
    /// A picture that is not there, or not yet.
    pub(crate) fn not_there_yet(message: &str) -> Self {
        Self { failure: call::Answer::unusable(message), again_for: LAG, forbidden: false }
    }

    /// Whether the picture is to be tried again that was made at `since`, and after which pause. The job says that it waits
    /// for that.
    pub(crate) fn again(&self, since: Timestamp, sink: &dyn ImageSink) -> Option<Duration> {
        let age = Timestamp::now().since(since);
        if self.again_for.is_zero() || age > self.again_for {
            return None;
        }
        sink.waits_for(if self.forbidden { WaitReason::Account } else { WaitReason::Backoff });
        Some(match self.forbidden {
            true => ALLOWANCE_POLL,
            false if age < YOUNG => Duration::from_secs(2),
            false => Duration::from_secs(5),
        })
    }
}

impl From<ProviderError> for Undelivered {
    /// Only our own stores may work the next time.
    fn from(failure: ProviderError) -> Self {
        let again_for = if failure.class == ErrorClass::Internal { LIFETIME } else { Duration::ZERO };
        Self { failure, again_for, forbidden: false }
    }
}

/// Where the pictures of a provider may be.
#[derive(Debug)]
pub(crate) struct PictureUrls {
    provider: &'static str,
    downloader: Downloader,
    base: Url,
    /// For the base URL's own origin.
    headers: HeaderMap,
    also: Vec<AllowedHost>,
}

impl PictureUrls {
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub(crate) fn new(
        provider: &'static str,
        base: Url,
        headers: HeaderMap,
        also: Vec<AllowedHost>,
    ) -> Result<Self, EgressError> {
        Ok(Self { provider, downloader: Downloader::new()?, base, headers, also })
    }

    /// The URL in an answer, which may be relative to the base URL.
    pub(crate) fn url(&self, text: &str) -> Option<Url> {
        self.base.join(text.trim()).ok()
    }

    /// The picture behind `url`.
    pub(crate) async fn get(&self, url: &Url, limits: DownloadLimits) -> Result<Bytes, Undelivered> {
        if url.scheme() == "data" {
            let bytes = is_data_url(url.as_str()).then(|| decode_base64(url.as_str())).flatten();
            return bytes.filter(|bytes| is_supported(bytes)).ok_or_else(|| {
                call::Answer::unusable("the address of a picture holds something else").into()
            });
        }
        let origin = TrustedOrigin { url: &self.base, headers: &self.headers, also: &self.also };
        match self.downloader.get(url, limits, Some(origin)).await {
            Ok(bytes) if !is_supported(&bytes) => {
                Err(Undelivered::not_there_yet("what came from the address of a picture is none"))
            }
            // The storage may not have the rest of it yet.
            Ok(bytes) if is_cut_off(bytes.clone()).await => {
                Err(Undelivered::not_there_yet("a picture was cut off at its address"))
            }
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(self.undelivered(&error)),
        }
    }

    fn undelivered(&self, DownloadError { problem, allowable }: &DownloadError) -> Undelivered {
        if let Some(host) = allowable {
            error!(
                provider = self.provider,
                alarm = "provider_account",
                host,
                "a picture is at a host that is not allowed: add it to picturesFrom in the provider's section of \
                 the providers document"
            );
            let message = "the picture is at a host that the operator has not allowed: picturesFrom in the \
                           provider's settings does not list it";
            // Another picture would be paid for, and be at the same host.
            let failure =
                ProviderError::new(ErrorClass::Caller, Reason::BadResponse, message).possibly_paid();
            return Undelivered { failure, again_for: LIFETIME, forbidden: true };
        }
        let failure = call::no_answer(*problem);
        let message = format!("a picture could not be fetched: {}", failure.message);
        let (class, reason, again_for) = match problem {
            // It may work the next time.
            EgressError::Status(408 | 425 | 429 | 500..)
            | EgressError::ConnectFailed
            | EgressError::ConnectTimeout
            | EgressError::ConnectionLost => (ErrorClass::Provider, Reason::NoAnswer, LIFETIME),
            EgressError::ResponseTimeout => (ErrorClass::Provider, Reason::Timeout, LIFETIME),
            // Not there yet, or the URL has expired or never worked. A new image would be paid for too, and its
            // URL would be no better.
            EgressError::Status(_) | EgressError::BadRedirect => {
                (ErrorClass::Caller, Reason::BadResponse, LAG)
            }
            // As large as another one would be.
            EgressError::BodyTooLarge(_) => (ErrorClass::Caller, Reason::BadResponse, Duration::ZERO),
            EgressError::PolicyViolation(_) | EgressError::InvalidJson | EgressError::RequestNotBuilt => {
                (ErrorClass::Provider, Reason::BadResponse, Duration::ZERO)
            }
        };
        let failure = ProviderError { class, reason, message, ..failure }.possibly_paid();
        Undelivered { failure, again_for, forbidden: false }
    }
}
