//! Responses of handlers.

use domain::Error;
use http::{HeaderMap, Response, StatusCode, header};
use serde::Serialize;

/// A response that is not an error.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// Headers in addition to those that every response has.
    pub headers: HeaderMap,
    /// JSON, unless `headers` has another `content-type`.
    pub body: Vec<u8>,
}

impl Answer {
    /// Creates a response whose body is `value` as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if `value` has no JSON form.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(value).map_err(Error::internal)?;
        Ok(Self { status, headers: HeaderMap::new(), body })
    }

    /// Creates a response without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Vec::new() }
    }

    pub(super) fn into_response(self) -> Response<Vec<u8>> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// Adds a header; does nothing if `value` is not a valid header value.
    #[must_use]
    pub fn with(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.insert(name, value);
        }
        self
    }
}
