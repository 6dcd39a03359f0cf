//! The errors of an image's download.

use domain::providers::{ErrorClass, ProviderError, Reason};
use egress::EgressError;

pub(super) fn error(problem: EgressError) -> ProviderError {
    let reason = match problem {
        EgressError::ResponseTimeout | EgressError::ConnectTimeout => Reason::Timeout,
        EgressError::ConnectFailed | EgressError::ConnectionLost | EgressError::Status(500..) => {
            Reason::NoAnswer
        }
        EgressError::PolicyViolation(_)
        | EgressError::BodyTooLarge(_)
        | EgressError::InvalidJson
        | EgressError::Status(_)
        | EgressError::BadRedirect
        | EgressError::RequestNotBuilt => Reason::BadResponse,
    };
    let fault = match problem {
        // Like an image with too many pixels.
        EgressError::BodyTooLarge(_) => ErrorClass::Caller,
        EgressError::ResponseTimeout
        | EgressError::ConnectTimeout
        | EgressError::ConnectFailed
        | EgressError::ConnectionLost
        | EgressError::PolicyViolation(_)
        | EgressError::InvalidJson
        | EgressError::Status(_)
        | EgressError::BadRedirect
        | EgressError::RequestNotBuilt => ErrorClass::Provider,
    };
    let message = format!("the picture could not be fetched: {problem}");
    ProviderError::new(fault, reason, message).possibly_paid()
}
