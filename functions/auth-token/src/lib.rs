//! `POST /auth/token`: exchanges an API key for a short-lived token of one user.

use domain::access::{Caller, Scope};
use domain::{Error, Timestamp};
use edge::api::access::token::{TokenResponse, parse};
use edge::auth::jwt::TokenKeys;
use edge::http::{Answer, Request};
use http::StatusCode;
use tracing::info;

pub struct Deps<'a> {
    pub tokens: TokenKeys<'a>,
}

/// Answers one request. A token is valid until it expires: revoking the key that it was created with does
/// not invalidate it.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
/// [`Error::Forbidden`] also for a call with a token, which could otherwise extend its own life without end,
/// or act for another user.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let Caller::Key(key) = caller.caller else {
        return Err(Error::Forbidden("only an API key can be exchanged for a token".into()));
    };
    let wanted = parse(&request.body)?;
    let own: Vec<Scope> = caller.scopes.iter().copied().filter(|scope| !scope.is_admin()).collect();
    let scopes = match wanted.scopes {
        Some(scopes) => {
            scopes.iter().try_for_each(|scope| caller.require(*scope))?;
            scopes
        }
        None if own.is_empty() => {
            return Err(Error::Forbidden("the credential has no scope for a token".into()));
        }
        None => own,
    };
    // The times in a JWT are whole seconds.
    let now = Timestamp::from_millis(request.now.seconds() * 1000);
    let expires_at = now + wanted.lifetime;
    let token = deps.tokens.issue(&caller.client, wanted.user, &scopes, now, expires_at).await?;
    info!(client = %caller.client, keyId = %key, "token issued");
    Answer::json(StatusCode::CREATED, &TokenResponse::new(token, expires_at))
}
