//! `GET /chat/{sessionId}`: what was said in a chat.

use domain::chat::SessionStore;
use domain::error::Missing;
use domain::{Error, SessionId};
use edge::api::chat::{SessionResponse, page};
use edge::http::{Answer, Request};
use lambda_http::http::StatusCode;

/// What the endpoint needs.
pub struct Deps<'a> {
    /// Where chats are kept.
    pub sessions: &'a dyn SessionStore,
}

/// Answers one request.
///
/// # Errors
///
/// As the API's contract has them. A session of somebody else is as little there as one that never was.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let missing = || Error::NotFound(Missing::Session);
    let id: SessionId =
        request.path_parameter("sessionId").and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let asked = page(&request)?;
    let (session, page) =
        tokio::try_join!(deps.sessions.session(id), deps.sessions.page(id, asked.after, asked.limit))?;
    let session = session
        .filter(|session| session.client_id == caller.client && caller.acts_for(session.user_id))
        .ok_or_else(missing)?;
    Answer::json(StatusCode::OK, &SessionResponse::new(&session, &page))
}
