//! The body and the response of `POST /auth/token`.

use std::time::Duration;

use domain::access::Scope;
use domain::primitives::NamedValue as _;
use domain::{Error, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::access::keys::{scopes, whole};
use crate::api::time::Rfc3339;
use crate::http::json_body::{Fields, parsed};

/// The maximum and default lifetime of a token, in seconds.
const MAX_LEN: u32 = 3600;

/// The body of `POST /auth/token`.
#[derive(Debug)]
pub struct TokenRequest {
    /// The user that the token acts for.
    pub user: UserId,
    /// `None` for all scopes of the API key that a token can have.
    pub scopes: Option<Vec<Scope>>,
    pub lifetime: Duration,
}

/// Parses the body of `POST /auth/token`.
///
/// # Errors
///
/// [`Error::Invalid`] with all field errors.
pub fn parse(body: &[u8]) -> Result<TokenRequest, Error> {
    let mut fields = Fields::parse(body)?;
    let user = fields.required("userId", parsed);
    let scopes = scopes(&mut fields, |scope| match scope.is_admin() {
        true => Err(format!("no token may have {}", scope.as_str())),
        false => Ok(()),
    });
    let lifetime = fields.optional("expiresIn", |value| whole(&value, 1..=MAX_LEN)).unwrap_or(MAX_LEN);
    fields.finish()?;
    let Some(user) = user else {
        return Err(Error::internal("a required field is missing, but no field error was added"));
    };
    Ok(TokenRequest { user, scopes, lifetime: Duration::from_secs(lifetime.into()) })
}

/// A new token.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenResponse {
    /// What goes into `Authorization: Bearer …`.
    token: String,
    /// From when on it is no longer good.
    #[schemars(with = "Rfc3339")]
    expires_at: String,
}

impl TokenResponse {
    /// Creates the response that contains `token`.
    #[must_use]
    pub fn new(token: String, expires_at: Timestamp) -> Self {
        Self { token, expires_at: expires_at.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "0190b8a0-0000-7000-8000-000000000001";

    #[test]
    fn token_lifetime_defaults_to_an_hour() {
        let request = parse(format!(r#"{{"userId":"{USER}"}}"#).as_bytes()).unwrap();
        assert_eq!((request.scopes, request.lifetime), (None, Duration::from_secs(3600)));
        let body = format!(r#"{{"userId":"{USER}","scopes":["chat"],"expiresIn":1}}"#);
        let request = parse(body.as_bytes()).unwrap();
        assert_eq!((request.scopes, request.lifetime), (Some(vec![Scope::Chat]), Duration::from_secs(1)));
    }

    #[test]
    fn all_field_errors_are_reported() {
        let body = br#"{"userId":"me","scopes":["chat","keys:admin","x"],"expiresIn":3601}"#;
        let Err(Error::Invalid(field_errors)) = parse(body) else { panic!("no field errors") };
        let paths: Vec<_> = field_errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["userId", "scopes[1]", "scopes[2]", "expiresIn"]);
        for bad in ["0", "-5", "1.5", "\"60\""] {
            let body = format!(r#"{{"userId":"{USER}","expiresIn":{bad}}}"#);
            assert!(parse(body.as_bytes()).is_err(), "{bad}");
        }
    }
}
