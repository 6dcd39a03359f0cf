//! The body of `PATCH /admin/addons/{addonId}/status`.

use domain::addons::AddonStatus;
use domain::{Error, FieldError};
use semver::Version;
use serde_json::Value;

use crate::api::addons::publication::short_version;
use crate::http::json_body::{Fields, named};

/// The maximum length of a reason and of a message, in characters.
pub const REASON_LIMIT: usize = 500;

/// A change of status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    pub status: AddonStatus,
    /// The version; without it, all versions of the addon.
    pub version: Option<Version>,
    pub reason: Option<String>,
    pub deprecation_message: Option<String>,
}

/// Parses the body.
///
/// # Errors
///
/// [`Error::InvalidVersion`] if only the version is invalid, and else [`Error::Invalid`], with all field errors.
pub fn parse(body: &[u8]) -> Result<StatusChange, Error> {
    let mut fields = Fields::parse(body)?;
    let status = fields.required("status", named);
    let mut is_faulty = false;
    let version = fields.optional("version", |value| {
        let Value::String(text) = value else { return Err("must be a text".into()) };
        short_version(&text).inspect_err(|_| is_faulty = true)
    });
    let reason = fields.optional("reason", reason);
    let deprecation_message = fields.optional("deprecationMessage", reason_in_header);
    match (fields.finish(), status) {
        (Ok(()), Some(status)) => Ok(StatusChange { status, version, reason, deprecation_message }),
        (Err(Error::Invalid(faults)), _) if is_faulty && faults.len() == 1 => {
            Err(Error::InvalidVersion(faults))
        }
        (Err(error), _) => Err(error),
        (Ok(()), None) => Err(Error::Invalid(vec![FieldError::new("status", "is required")])),
    }
}

fn reason(value: Value) -> Result<String, String> {
    let text = value.as_str().filter(|text| (1..=REASON_LIMIT).contains(&text.chars().count()));
    text.map(str::to_owned).ok_or_else(|| format!("must be a text of 1 to {REASON_LIMIT} characters"))
}

/// The message is sent in a header, which has one line.
fn reason_in_header(value: Value) -> Result<String, String> {
    let text = reason(value)?;
    if text.chars().any(char::is_control) { Err("must have no control characters".into()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(body: &str) -> Vec<String> {
        match parse(body.as_bytes()) {
            Err(Error::Invalid(faults)) => faults.into_iter().map(|fault| fault.path).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn status_is_required_and_the_rest_is_not() {
        let change =
            parse(br#"{"status":"deprecated","version":"1.0.0-rc.1","deprecationMessage":"use b"}"#).unwrap();
        assert_eq!(change.status, AddonStatus::Deprecated);
        assert_eq!(change.version.unwrap().to_string(), "1.0.0-rc.1");
        assert_eq!((change.reason, change.deprecation_message.as_deref()), (None, Some("use b")));
        assert_eq!(paths("{}"), ["status"]);
        let all = r#"{"status":"off","version":1,"reason":"","deprecationMessage":"a\nb"}"#;
        assert_eq!(paths(all), ["status", "version", "reason", "deprecationMessage"]);
        assert!(matches!(parse(br#"{"status":"active","version":"1"}"#), Err(Error::InvalidVersion(_))));
    }
}
