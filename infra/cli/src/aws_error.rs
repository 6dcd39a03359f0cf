//! The errors of calls to AWS about secrets.

use anyhow::anyhow;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};

/// The error by its code and message only: the SDK's full description could contain the secret.
pub(crate) fn sdk_error<E: ProvideErrorMetadata, R>(call: &str, error: &SdkError<E, R>) -> anyhow::Error {
    match error.code() {
        Some(code) => anyhow!("{call}: {code}: {}", error.message().unwrap_or("no message")),
        None => anyhow!("{call}: no answer: check the network connection to AWS and your AWS credentials"),
    }
}
