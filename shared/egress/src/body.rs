//! Bounded readers of answers' bodies: nobody else's word is taken for how long one is.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The whole body.
///
/// # Errors
///
/// [`Problem::TooLong`] if it has more than `max` bytes, of which no more are read; or why it broke off.
pub async fn whole(mut response: Response, max: usize) -> Result<Bytes, Problem> {
    if response.content_length().is_some_and(|length| length > max as u64) {
        return Err(Problem::TooLong(max));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > max - body.len() {
            return Err(Problem::TooLong(max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// The whole body, as JSON.
///
/// # Errors
///
/// As [`whole`], or [`Problem::BadJson`].
pub async fn json<T: DeserializeOwned>(response: Response, max: usize) -> Result<T, Problem> {
    serde_json::from_slice(&whole(response, max).await?).map_err(|_| Problem::BadJson)
}

/// The first `max` bytes of the body, or as many as came within `patience` before it broke off.
pub async fn beginning(mut response: Response, max: usize, patience: Duration) -> Vec<u8> {
    let mut body = Vec::new();
    let reading = async {
        while body.len() < max
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk[..chunk.len().min(max - body.len())]);
        }
    };
    // What has come is what there is to show, however it ended.
    let _ = tokio::time::timeout(patience, reading).await;
    body
}
