//! The errors of an image's download.

use domain::providers::{FaultOf, ProviderError, Reason};
use egress::Problem;

pub(super) fn error(problem: Problem) -> ProviderError {
    let reason = match problem {
        Problem::NoAnswerInTime | Problem::NoConnectionInTime => Reason::Timeout,
        Problem::NoConnection | Problem::Broken | Problem::Status(500..) => Reason::NoAnswer,
        Problem::Refused(_)
        | Problem::TooLong(_)
        | Problem::BadJson
        | Problem::Status(_)
        | Problem::Redirects
        | Problem::NotBuilt => Reason::BadResponse,
    };
    let fault = match problem {
        // Like an image with too many pixels.
        Problem::TooLong(_) => FaultOf::Caller,
        Problem::NoAnswerInTime
        | Problem::NoConnectionInTime
        | Problem::NoConnection
        | Problem::Broken
        | Problem::Refused(_)
        | Problem::BadJson
        | Problem::Status(_)
        | Problem::Redirects
        | Problem::NotBuilt => FaultOf::Provider,
    };
    let message = format!("the picture could not be fetched: {problem}");
    ProviderError::new(fault, reason, message).maybe_paid()
}
