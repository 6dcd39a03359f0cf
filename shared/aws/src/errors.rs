//! Errors of the SDK as errors of stores.

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use domain::store::StoreError;

/// The error of a call that did not go through.
///
/// The SDK's own account of an error shows the raw answer, which for a secret that could not be read
/// would be the secret: so only what the service called the error, or that there was no answer.
pub(crate) fn unavailable<E: ProvideErrorMetadata, R>(call: &str, error: SdkError<E, R>) -> StoreError {
    let reason = match &error {
        SdkError::ServiceError(refusal) => {
            let refusal = refusal.err();
            format!("{}: {}", refusal.code().unwrap_or("?"), refusal.message().unwrap_or("no message"))
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

/// The error of something that is not what it should be.
pub(crate) fn unusable(what: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("{what}: {error}"))
}
