//! Readers of response bodies with a size limit. They do not rely on `Content-Length`, which the other
//! side may omit or get wrong.
//!
//! No request accepts a content coding. Some servers compress all the same, and some texts begin with a byte
//! order mark: both are undone here, because the body may be paid for.

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use serde::de::DeserializeOwned;

use crate::error::EgressError;

/// How every gzip stream begins. No text and no image begins like that.
const GZIP: &[u8] = b"\x1f\x8b\x08";
/// The byte order mark of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// How many codings may be applied on top of one another.
const MAX_CODINGS: usize = 2;

/// Reads the whole body, of at most `max` bytes, also after it is decompressed. A byte order mark is removed.
///
/// # Errors
///
/// [`EgressError::BodyTooLarge`] as soon as the body exceeds `max` bytes; the rest is not read. Otherwise
/// the reason why the connection ended early.
pub async fn read_all(response: Response, max: usize) -> Result<Bytes, EgressError> {
    let (body, end) = read_available(response, max).await?;
    end.map(|()| body)
}

/// The same, but also returns what had arrived when the connection ended early, and why it did.
///
/// # Errors
///
/// [`EgressError::BodyTooLarge`].
pub async fn read_available(
    mut response: Response,
    max: usize,
) -> Result<(Bytes, Result<(), EgressError>), EgressError> {
    if response.content_length().is_some_and(|length| length > max as u64) {
        return Err(EgressError::BodyTooLarge(max));
    }
    let mut body = Vec::new();
    let end = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if chunk.len() > max - body.len() => return Err(EgressError::BodyTooLarge(max)),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        }
    };
    let body = decompressed(body.into(), response.headers(), max)?;
    let body = if body.starts_with(BYTE_ORDER_MARK) { body.slice(BYTE_ORDER_MARK.len()..) } else { body };
    Ok((body, end))
}

/// Undoes the codings of `Content-Encoding`, and gzip that no header tells of. A body that is not what the
/// header says is returned as it is: it may be whole, and whoever reads it judges that.
fn decompressed(mut body: Bytes, headers: &HeaderMap, max: usize) -> Result<Bytes, EgressError> {
    let codings = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings: Vec<_> = codings.flat_map(|value| value.split(',')).map(str::trim).collect();
    for coding in codings.iter().rev().take(MAX_CODINGS) {
        if coding.eq_ignore_ascii_case("deflate") {
            // Most servers send a zlib stream, as the RFC says, and some a bare one.
            let inflated = match inflated(ZlibDecoder::new(&body[..]), max)? {
                None => inflated(DeflateDecoder::new(&body[..]), max)?,
                inflated => inflated,
            };
            body = inflated.unwrap_or(body);
        } else if body.starts_with(GZIP) {
            body = inflated(MultiGzDecoder::new(&body[..]), max)?.unwrap_or(body);
        }
    }
    if codings.is_empty() && body.starts_with(GZIP) {
        body = inflated(MultiGzDecoder::new(&body[..]), max)?.unwrap_or(body);
    }
    Ok(body)
}

/// Reads the stream to its end; `None` if it is invalid. At most `max` bytes are ever held.
fn inflated(stream: impl Read, max: usize) -> Result<Option<Bytes>, EgressError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    match stream.take(limit).read_to_end(&mut bytes) {
        Ok(read) if read > max => Err(EgressError::BodyTooLarge(max)),
        Ok(_) => Ok(Some(bytes.into())),
        Err(_) => Ok(None),
    }
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
