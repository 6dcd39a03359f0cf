//! Answers 404, as JSON like every other error, for paths that no other function serves.

use domain::Error;
use domain::error::Missing;
use edge::http::{Answer, Request};

/// Answers one request.
///
/// # Errors
///
/// Always [`Error::NotFound`].
pub async fn handle(_: Request) -> Result<Answer, Error> {
    Err(Error::NotFound(Missing::Path))
}
