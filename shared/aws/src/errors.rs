//! Conversion of SDK errors to [`StoreError`].

use std::error::Error;
use std::fmt::Debug;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use domain::Cause;
use domain::store::StoreError;
use tracing::error;

/// The codes with which AWS services ask for fewer calls.
const THROTTLED: [&str; 12] = [
    "LimitExceededException",
    "OverLimit",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingError",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// The codes with which AWS services refuse what a role, a key policy or an organization does not allow.
const DENIED: [&str; 9] = [
    "AccessDenied",
    "AccessDeniedException",
    "AllAccessDisabled",
    "AuthorizationError",
    "InvalidClientTokenId",
    "KMSAccessDeniedException",
    "KmsAccessDenied",
    "NotAuthorized",
    "UnrecognizedClientException",
];

/// Returns the error of an SDK call that failed.
///
/// The SDK's own error text includes the raw response. For a secret that could not be parsed, that response
/// is the secret. So of an answer only the code and the message of the service are kept; of a failure
/// without an answer, all its causes.
pub(crate) fn unavailable<E, R>(call: &str, error: SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    if let SdkError::ServiceError(rejected) = &error {
        let rejected = rejected.err();
        return rejected_call(
            call,
            rejected.code().unwrap_or("?"),
            rejected.message().unwrap_or("no message"),
        );
    }
    let what = match &error {
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::ConstructionFailure(_) => "the request could not be built",
        SdkError::ResponseError(_) => {
            return StoreError::Unavailable(format!("{call}: the answer could not be read").into());
        }
        SdkError::ServiceError(_) | _ => "failed",
    };
    let what = format!("{call}: {what}");
    StoreError::Unavailable(match error.into_source() {
        Ok(source) => Cause::of(what, source),
        Err(_) => what.into(),
    })
}

/// Returns the error of a call that the service has answered with the error `code`.
pub(crate) fn rejected_call(call: &str, code: &str, message: &str) -> StoreError {
    let cause = Cause::from(format!("{call}: {code}: {message}"));
    // Some services add a prefix, as in `KMS.AccessDeniedException`.
    let name = code.rsplit(['.', '#']).next().unwrap_or(code);
    if THROTTLED.contains(&name) {
        return StoreError::Throttled(cause);
    }
    if DENIED.contains(&name) {
        error!(alarm = "access_denied", call, %cause, "the operator must give this function a permission");
        return StoreError::Denied(cause);
    }
    StoreError::Unavailable(cause)
}

/// Returns the error of a value that could not be encoded, decoded or built. `what` names the value or the
/// call.
pub(crate) fn unusable(what: &str, error: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(Cause::of(what, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::operation::get_item::GetItemError;

    fn rejected(code: &str) -> StoreError {
        let metadata = ErrorMetadata::builder().code(code).message("m").build();
        unavailable("GetItem", SdkError::service_error(GetItemError::generic(metadata), ()))
    }

    #[test]
    fn throttling_denial_and_outage_are_told_apart() {
        for code in ["ThrottlingException", "ProvisionedThroughputExceededException", "SlowDown"] {
            let error = rejected(code);
            assert!(matches!(error, StoreError::Throttled(_)) && error.may_pass(), "{code}");
            assert_eq!(error.retry_after().as_secs(), 5);
        }
        for code in ["AccessDeniedException", "AccessDenied", "KMS.AccessDeniedException"] {
            let error = rejected(code);
            assert!(matches!(error, StoreError::Denied(_)) && !error.may_pass(), "{code}");
            assert_eq!(error.retry_after().as_secs(), 300);
        }
        for code in ["InternalServerError", "ResourceNotFoundException", ""] {
            assert!(matches!(rejected(code), StoreError::Unavailable(_)), "{code}");
        }
        assert_eq!(rejected("InternalServerError").to_string(), "GetItem: InternalServerError: m");
    }

    #[tokio::test]
    async fn failure_without_an_answer_keeps_its_causes() {
        let credentials = aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "tests");
        let sdk = crate::config::loader()
            // Nothing listens there.
            .endpoint_url("http://127.0.0.1:9")
            .region(aws_config::Region::new("us-east-1"))
            .credentials_provider(credentials)
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .load()
            .await;
        let answer = aws_sdk_dynamodb::Client::new(&sdk).list_tables().send().await;
        let StoreError::Unavailable(cause) = unavailable("ListTables", answer.unwrap_err()) else {
            panic!("not unavailable")
        };
        let (mut source, mut kind) = (cause.error().source(), None);
        while let Some(error) = source {
            kind = kind.or(error.downcast_ref::<std::io::Error>().map(std::io::Error::kind));
            source = error.source();
        }
        assert_eq!(kind, Some(std::io::ErrorKind::ConnectionRefused));
        let text = cause.to_string();
        assert!(text.starts_with("ListTables: no connection: "), "{text}");
        assert_eq!(text.to_lowercase().matches("connection refused").count(), 1, "{text}");
    }
}
