//! The error responses of the API.

use std::fmt;

use reqwest::{Response, StatusCode};
use serde::Deserialize;

/// An error response of the API.
#[derive(Debug)]
pub(crate) struct ApiError {
    message: String,
    code: Option<String>,
    /// The invalid fields of the request.
    pub(crate) field_errors: Vec<FieldError>,
    /// Only of server errors.
    trace_id: Option<String>,
}

/// An invalid field of a request, by its path in the body.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct FieldError {
    pub(crate) path: String,
    pub(crate) message: String,
}

#[derive(Deserialize)]
struct Envelope {
    error: ErrorBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    code: String,
    message: String,
    #[serde(default)]
    details: serde_json::Value,
    trace_id: Option<String>,
}

impl ApiError {
    /// Whether the API's code of the error is `code`.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    pub(crate) async fn from_response(response: Response) -> Self {
        let status = response.status();
        Self::from_text(status, &response.text().await.unwrap_or_default())
    }

    pub(crate) fn from_text(status: StatusCode, text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(Envelope { error: ErrorBody { code, message, details, trace_id } }) => Self {
                message: format!("{message} ({code})"),
                code: Some(code),
                // Only validation errors have details of this form.
                field_errors: serde_json::from_value(details).unwrap_or_default(),
                trace_id: trace_id.filter(|_| status.is_server_error()),
            },
            Err(_) => Self {
                message: format!("the server answered {status}: {}", text.trim()),
                code: None,
                field_errors: Vec::new(),
                trace_id: None,
            },
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for FieldError { path, message } in &self.field_errors {
            write!(f, "\n  {path}: {message}")?;
        }
        match &self.trace_id {
            Some(trace) => write!(f, "\n  trace {trace}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_shows_message_fields_and_trace() {
        let text = r#"{"error":{"code":"VALIDATION_ERROR","message":"not valid","traceId":"t",
            "details":[{"path":"count","message":"must be small"}]}}"#;
        let error = ApiError::from_text(StatusCode::BAD_REQUEST, text);
        assert_eq!(error.to_string(), "not valid (VALIDATION_ERROR)\n  count: must be small");
        let error = ApiError::from_text(StatusCode::INTERNAL_SERVER_ERROR, &text.replace("[{", "[1,{"));
        assert_eq!(error.to_string(), "not valid (VALIDATION_ERROR)\n  trace t");
        let error = ApiError::from_text(StatusCode::BAD_GATEWAY, "<html>\n");
        assert_eq!(error.to_string(), "the server answered 502 Bad Gateway: <html>");
    }
}
