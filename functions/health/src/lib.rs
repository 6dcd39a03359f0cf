//! `GET /health`: whether the API answers.

use domain::{Error, Timestamp};
use edge::http::{Answer, Request};
use lambda_http::http::StatusCode;
use serde_json::json;

/// Answers one request. That it answers is all it says: it asks nothing else.
///
/// # Errors
///
/// None in practice.
pub async fn handle(_: Request) -> Result<Answer, Error> {
    let body = json!({
        "status": "healthy",
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": Timestamp::now().to_string(),
        "services": {},
    });
    Answer::json(StatusCode::OK, &body)
}
