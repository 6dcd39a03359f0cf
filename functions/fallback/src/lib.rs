//! Whatever no other function answers: 404 in the shape of every error.

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
