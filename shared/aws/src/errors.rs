//! Conversion of SDK errors to [`StoreError`].

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use domain::store::StoreError;

/// Returns the error of an SDK call that failed.
///
/// The SDK's own error text includes the raw response. For a secret that could not be parsed, that response
/// is the secret. So the text holds only the code and message of the service, or the kind of the failure.
pub(crate) fn unavailable<E: ProvideErrorMetadata, R>(call: &str, error: SdkError<E, R>) -> StoreError {
    let reason = match &error {
        SdkError::ServiceError(rejected) => {
            let rejected = rejected.err();
            format!("{}: {}", rejected.code().unwrap_or("?"), rejected.message().unwrap_or("no message"))
        }
        SdkError::DispatchFailure(failure) => failure
            .as_connector_error()
            .map_or_else(|| "no connection".to_owned(), |error| DisplayErrorContext(error).to_string()),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
        SdkError::ResponseError(_) => "the answer could not be read".to_owned(),
        _ => "failed".to_owned(),
    };
    StoreError::Unavailable(format!("{call}: {reason}"))
}

/// Returns the error of a value that could not be encoded, decoded or built. `what` names the value or the
/// call.
pub(crate) fn unusable(what: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("{what}: {error}"))
}
