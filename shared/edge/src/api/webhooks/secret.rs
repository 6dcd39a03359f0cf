//! The body and the response of `/admin/webhook-secret`.

use std::time::Duration;

use domain::access::{ClientId, MAX_OVERLAP};
use domain::webhooks::SigningSecret;
use domain::{Error, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::access::keys::whole;
use crate::api::time::{Rfc3339, rfc3339_or_none};
use crate::http::json_body::Fields;

/// The default time for which the old secret still signs after a rotation.
pub const OVERLAP: Duration = Duration::from_secs(86_400);

/// Parses the body of `POST /admin/webhook-secret/rotate` and returns how long the old secret still signs. An
/// empty body means an empty object.
///
/// # Errors
///
/// [`Error::Invalid`].
pub fn parse_rotate(body: &[u8]) -> Result<Duration, Error> {
    let mut fields = Fields::parse(if body.is_empty() { b"{}" } else { body })?;
    let max = u32::try_from(MAX_OVERLAP.as_secs()).unwrap_or(u32::MAX);
    let overlap = fields.optional("overlapSeconds", |value| whole(&value, 0..=max));
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
    /// Creates the response that contains `secret`.
    #[must_use]
    pub fn new(client: &ClientId, secret: &SigningSecret, previous_until: Option<Timestamp>) -> Self {
        Self { client_id: client.clone(), secret: secret.expose(), previous_until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_defaults_to_a_day_and_is_at_most_a_week() {
        assert_eq!(parse_rotate(b"").unwrap(), OVERLAP);
        assert_eq!(parse_rotate(b"{}").unwrap(), OVERLAP);
        assert_eq!(parse_rotate(br#"{"overlapSeconds":0}"#).unwrap(), Duration::ZERO);
        assert_eq!(parse_rotate(br#"{"overlapSeconds":604800}"#).unwrap(), MAX_OVERLAP);
        assert!(parse_rotate(br#"{"overlapSeconds":604801}"#).is_err());
    }
}
