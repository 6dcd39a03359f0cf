//! An answer other than an error.

use domain::Error;
use http::{HeaderMap, StatusCode, header};
use lambda_http::{Body, Response};
use serde::Serialize;

/// An answer other than an error.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Headers beyond those of every answer.
    pub headers: HeaderMap,
    /// Its body, JSON unless a header says otherwise.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer whose body is `value`.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if `value` has no JSON form.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(value).map_err(Error::internal)?;
        Ok(Self { status, headers: HeaderMap::new(), body })
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Vec::new() }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        // As text where it is text: API Gateway gets anything else in base64, a third longer.
        let body = String::from_utf8(self.body).map_or_else(|other| other.into_bytes().into(), Body::from);
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// The same answer with one header more; left out if `value` cannot be a header's.
    #[must_use]
    pub fn with(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.insert(name, value);
        }
        self
    }
}
