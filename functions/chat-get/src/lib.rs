//! `GET /chat/{sessionId}`: shows the messages of a chat session.

use domain::chat::SessionStore;
use domain::error::Missing;
use domain::{Error, SessionId};
use edge::api::chat::{SessionResponse, page};
use edge::http::{Answer, Request};
use http::StatusCode;

pub struct Deps<'a> {
    pub sessions: &'a dyn SessionStore,
}

/// Answers one request.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
/// A session of another client or user is [`Error::NotFound`], the same as one that does not exist.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let missing = || Error::NotFound(Missing::Session);
    let id: SessionId =
        request.path_parameter("sessionId").and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let requested = page(&request)?;
    let (session, page) = tokio::try_join!(
        deps.sessions.session(id),
        deps.sessions.page(id, requested.after, requested.limit)
    )?;
    let session = session
        .filter(|session| caller.may_access(&session.client_id, session.user_id))
        .ok_or_else(missing)?;
    Answer::json(StatusCode::OK, &SessionResponse::new(&session, &page))
}
