//! Readers of response bodies with a size limit. They do not rely on `Content-Length`, which the other
//! side may omit or get wrong.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use serde::de::DeserializeOwned;

use crate::error::EgressError;

/// Reads the whole body, of at most `max` bytes.
///
/// # Errors
///
/// [`EgressError::BodyTooLarge`] as soon as the body exceeds `max` bytes; the rest is not read. Otherwise
/// the reason why the connection ended early.
pub async fn read_all(mut response: Response, max: usize) -> Result<Bytes, EgressError> {
    if response.content_length().is_some_and(|length| length > max as u64) {
        return Err(EgressError::BodyTooLarge(max));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > max - body.len() {
            return Err(EgressError::BodyTooLarge(max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// Reads the whole body, of at most `max` bytes, and parses it as JSON.
///
/// # Errors
///
/// Those of [`read_all`], and [`EgressError::InvalidJson`].
pub async fn read_json<T: DeserializeOwned>(response: Response, max: usize) -> Result<T, EgressError> {
    serde_json::from_slice(&read_all(response, max).await?).map_err(|_| EgressError::InvalidJson)
}

/// Reads at most the first `max` bytes of the body. Returns what arrived within `timeout`, also if the
/// connection broke.
pub async fn read_prefix(mut response: Response, max: usize, timeout: Duration) -> Vec<u8> {
    let mut body = Vec::new();
    let reading = async {
        while body.len() < max
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk[..chunk.len().min(max - body.len())]);
        }
    };
    // A timeout is no error here: the caller gets the bytes that arrived before it.
    let _ = tokio::time::timeout(timeout, reading).await;
    body
}
