//! The body and the answer of `/admin/webhook-secret`.

use std::time::Duration;

use domain::access::{ClientId, MAX_OVERLAP};
use domain::webhooks::SigningSecret;
use domain::{Error, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::access::keys::whole;
use crate::api::time::{Rfc3339, rfc3339_or_none};
use crate::http::json_body::Fields;

/// For how long the old secret signs on, unless the request says otherwise.
pub const OVERLAP: Duration = Duration::from_secs(86_400);

/// Reads the body of `POST /admin/webhook-secret/rotate`: for how long the old secret signs on. No body at
/// all is as good as an empty object.
///
/// # Errors
///
/// [`Error::Invalid`].
pub fn parse_rotate(body: &[u8]) -> Result<Duration, Error> {
    let mut fields = Fields::parse(if body.is_empty() { b"{}" } else { body })?;
    let longest = u32::try_from(MAX_OVERLAP.as_secs()).unwrap_or(u32::MAX);
    let overlap = fields.optional("overlapSeconds", |value| whole(&value, 0..=longest));
    fields.finish()?;
    Ok(overlap.map_or(OVERLAP, |seconds| Duration::from_secs(seconds.into())))
}

/// A client's webhook secret.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookSecretResponse")]
pub struct WebhookSecret {
    /// Whose it is.
    client_id: ClientId,
    /// The secret, as the Standard Webhooks libraries take it.
    secret: String,
    /// After a rotation: until when the secret before this one signs, too.
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    previous_until: Option<Timestamp>,
}

impl WebhookSecret {
    /// The answer that shows `secret`.
    #[must_use]
    pub fn new(client: &ClientId, secret: &SigningSecret, previous_until: Option<Timestamp>) -> Self {
        Self { client_id: client.clone(), secret: secret.expose(), previous_until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_secret_signs_on_for_a_day_unless_said_and_for_a_week_at_most() {
        assert_eq!(parse_rotate(b"").unwrap(), OVERLAP);
        assert_eq!(parse_rotate(b"{}").unwrap(), OVERLAP);
        assert_eq!(parse_rotate(br#"{"overlapSeconds":0}"#).unwrap(), Duration::ZERO);
        assert_eq!(parse_rotate(br#"{"overlapSeconds":604800}"#).unwrap(), MAX_OVERLAP);
        assert!(parse_rotate(br#"{"overlapSeconds":604801}"#).is_err());
    }
}
