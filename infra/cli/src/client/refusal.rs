//! The API's own words on why it did not do something.

use std::fmt;

use reqwest::{Response, StatusCode};
use serde::Deserialize;

/// Why the API did not do it.
#[derive(Debug)]
pub(crate) struct Refused {
    message: String,
    /// What is wrong with the request, each with where.
    pub(crate) faults: Vec<Fault>,
    trace: Option<String>,
}

/// One thing wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Fault {
    pub(crate) path: String,
    pub(crate) message: String,
}

#[derive(Deserialize)]
struct Envelope {
    error: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    code: String,
    message: String,
    #[serde(default)]
    details: serde_json::Value,
    trace_id: Option<String>,
}

impl Refused {
    pub(crate) async fn read(response: Response) -> Self {
        let status = response.status();
        Self::from_text(status, &response.text().await.unwrap_or_default())
    }

    pub(crate) fn from_text(status: StatusCode, text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(Envelope { error: Body { code, message, details, trace_id } }) => Self {
                message: format!("{message} ({code})"),
                // Other errors have details of other forms, or none.
                faults: serde_json::from_value(details).unwrap_or_default(),
                trace: trace_id.filter(|_| status.is_server_error()),
            },
            Err(_) => Self {
                message: format!("the server answered {status}: {}", text.trim()),
                faults: Vec::new(),
                trace: None,
            },
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for Fault { path, message } in &self.faults {
            write!(f, "\n  {path}: {message}")?;
        }
        match &self.trace {
            Some(trace) => write!(f, "\n  trace {trace}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_is_wrong_and_where() {
        let text = r#"{"error":{"code":"VALIDATION_ERROR","message":"not valid","traceId":"t",
            "details":[{"path":"count","message":"must be small"}]}}"#;
        let refused = Refused::from_text(StatusCode::BAD_REQUEST, text);
        assert_eq!(refused.to_string(), "not valid (VALIDATION_ERROR)\n  count: must be small");
        let refused = Refused::from_text(StatusCode::INTERNAL_SERVER_ERROR, &text.replace("[{", "[1,{"));
        assert_eq!(refused.to_string(), "not valid (VALIDATION_ERROR)\n  trace t");
        let refused = Refused::from_text(StatusCode::BAD_GATEWAY, "<html>\n");
        assert_eq!(refused.to_string(), "the server answered 502 Bad Gateway: <html>");
    }
}
