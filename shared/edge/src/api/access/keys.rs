//! The bodies and responses of `/admin/keys`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use domain::access::{
    ApiKey, ClientId, DEFAULT_SCOPES, Endpoint, KeyName, KeyRecord, KeySummary, Limits, MAX_LIMIT,
    MAX_OVERLAP, Scope,
};
use domain::primitives::NamedValue;
use domain::{Error, KeyId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::api::time::Rfc3339;
use crate::http::json_body::{Fields, LIST_LIMIT, parsed, short_list};

/// The body of `POST /admin/keys`.
#[derive(Debug)]
pub struct CreateKey {
    pub client: ClientId,
    pub name: KeyName,
    pub scopes: Vec<Scope>,
    /// Rate limits to set for the client together with the key.
    pub limits: Option<Limits>,
}

/// Parses the body of `POST /admin/keys`. The key's client is `own`, the caller's, by default.
///
/// # Errors
///
/// [`Error::Invalid`] with all field errors.
pub fn parse_create(body: &[u8], own: &ClientId) -> Result<CreateKey, Error> {
    let mut fields = Fields::parse(body)?;
    let client = match fields.raw("clientId") {
        None => Some(own.clone()),
        Some(_) => fields.optional("clientId", parsed),
    };
    let name = fields.required("name", parsed);
    let scopes = scopes(&mut fields, |scope| {
        // For an invalid client name, the field error of `clientId` is enough.
        if client.as_ref().is_none_or(|client| scope.allowed_for(client)) {
            return Ok(());
        }
        Err(format!("only keys of the client {} may have {}", ClientId::OPERATOR, scope.as_str()))
    });
    let limits = limits(&mut fields);
    fields.finish()?;
    let (Some(client), Some(name)) = (client, name) else {
        return Err(Error::internal("a required field is missing, but no field error was added"));
    };
    Ok(CreateKey { client, name, scopes: scopes.unwrap_or(DEFAULT_SCOPES.to_vec()), limits })
}

/// Parses the body of `POST /admin/keys/{keyId}/rotate` and returns how long the old key stays valid. An
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
    Ok(Duration::from_secs(overlap.unwrap_or_default().into()))
}

/// Reads the list in field `scopes` without duplicates; `None` if the field is missing. `allowed` returns an
/// error message for a scope that is not allowed there.
pub(crate) fn scopes(
    fields: &mut Fields<'_>,
    allowed: impl Fn(Scope) -> Result<(), String>,
) -> Option<Vec<Scope>> {
    let list = fields.optional("scopes", |value| match short_list(value)? {
        list if list.is_empty() => Err("must name at least one scope".to_owned()),
        list => Ok(list),
    })?;
    let mut scopes: Vec<Scope> = Vec::new();
    for (index, value) in list.into_iter().enumerate() {
        match parsed(value).and_then(|scope| allowed(scope).map(|()| scope)) {
            Ok(scope) if scopes.contains(&scope) => {}
            Ok(scope) => scopes.push(scope),
            Err(message) => fields.fault(format!("scopes[{index}]"), message),
        }
    }
    Some(scopes)
}

fn limits(fields: &mut Fields<'_>) -> Option<Limits> {
    let object = fields.optional("limits", |value| match value {
        Value::Object(object) if object.len() <= LIST_LIMIT => Ok(object),
        Value::Object(_) => Err(format!("must have at most {LIST_LIMIT} names")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("must be an object of endpoints and numbers".to_owned())
        }
    })?;
    let mut limits = BTreeMap::new();
    for (name, value) in object {
        let Some(endpoint) = Endpoint::from_name(&name) else {
            fields.fault(format!("limits.{name}"), format!("is none of {}", Endpoint::names()));
            continue;
        };
        match whole(&value, 1..=MAX_LIMIT) {
            Ok(limit) => _ = limits.insert(endpoint, limit),
            Err(message) => fields.fault(format!("limits.{name}"), message),
        }
    }
    Some(Limits(limits))
}

/// Reads a whole number within `bounds`.
pub(crate) fn whole(value: &Value, bounds: RangeInclusive<u32>) -> Result<u32, String> {
    let (min, max) = (*bounds.start(), *bounds.end());
    let valid = |number: &f64| number.fract() == 0.0 && (f64::from(min)..=f64::from(max)).contains(number);
    let number = value.as_f64().filter(valid).map(|number| number as u32);
    number.ok_or_else(|| format!("must be a whole number from {min} to {max}"))
}

/// A new key: the one answer that shows it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "KeyResponse")]
pub struct KeyCreated {
    /// The key's id: what it is managed by, and no secret.
    id: KeyId,
    /// The key itself: never shown again.
    key: String,
    /// Whose it is.
    client_id: ClientId,
    /// Its name, for people.
    name: String,
    /// What it allows.
    scopes: Vec<Scope>,
    /// When it was made.
    #[schemars(with = "Rfc3339")]
    created_at: String,
}

impl KeyCreated {
    /// Creates the response that contains `key` and the data of its stored `record`.
    #[must_use]
    pub fn new(key: &ApiKey, record: KeyRecord) -> Self {
        Self {
            id: record.id,
            key: key.expose().to_owned(),
            client_id: record.client_id,
            name: record.name,
            scopes: record.scopes,
            created_at: record.created_at.to_string(),
        }
    }
}

/// A client's keys, the oldest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KeyListResponse")]
pub struct KeyList {
    /// Those that are revoked or have expired, too.
    keys: Vec<KeyListed>,
}

/// What anybody may see of a key.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Key")]
struct KeyListed {
    /// The key's id.
    id: KeyId,
    /// Whose it is.
    client_id: ClientId,
    /// Its name, for people.
    name: String,
    /// What it allows.
    scopes: Vec<Scope>,
    /// When it was made.
    #[schemars(with = "Rfc3339")]
    created_at: String,
    /// From when on it is no longer good, if ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    expires_at: Option<String>,
    /// When it was revoked, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    revoked_at: Option<String>,
}

impl From<Vec<KeySummary>> for KeyList {
    fn from(keys: Vec<KeySummary>) -> Self {
        let listed = |key: KeySummary| KeyListed {
            id: key.id,
            client_id: key.client_id,
            name: key.name,
            scopes: key.scopes,
            created_at: key.created_at.to_string(),
            expires_at: key.expires_at.map(|at| at.to_string()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
        };
        Self { keys: keys.into_iter().map(listed).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(body: &str) -> Result<CreateKey, Error> {
        parse_create(body.as_bytes(), &"acme".parse().unwrap())
    }

    fn paths<T: std::fmt::Debug>(parsed: Result<T, Error>) -> Vec<String> {
        match parsed {
            Err(Error::Invalid(field_errors)) => field_errors.into_iter().map(|error| error.path).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn new_key_defaults_to_own_client_and_default_scopes() {
        let key = create(r#"{"name":"n","clientId":null,"limits":null}"#).unwrap();
        assert_eq!((key.client.as_str(), &key.scopes[..]), ("acme", &DEFAULT_SCOPES[..]));
        assert_eq!(key.limits, None);
        let key = create(
            r#"{"name":"n","clientId":"apex","scopes":["chat","chat","keys:admin"],
            "limits":{"/chat/new":20,"*":1.0}}"#,
        );
        let key = key.unwrap();
        assert_eq!((key.client.as_str(), &key.scopes[..]), ("apex", &[Scope::Chat, Scope::KeysAdmin][..]));
        let limits = key.limits.unwrap();
        assert_eq!((limits.of(Endpoint::ChatNew), limits.of(Endpoint::Other)), (20, 1));
    }

    #[test]
    fn all_field_errors_of_new_key_are_reported() {
        let body = r#"{"clientId":"A B","name":"","scopes":["chat","nope",7],
            "limits":{"/nope":1,"/chat/new":0,"/auth/*":"5","*":1000001}}"#;
        assert_eq!(
            paths(create(body)),
            [
                "clientId",
                "name",
                "scopes[1]",
                "scopes[2]",
                "limits.*",
                "limits./auth/*",
                "limits./chat/new",
                "limits./nope"
            ]
        );
        assert_eq!(paths(create(r#"{"scopes":[],"limits":[]}"#)), ["name", "scopes", "limits"]);
        assert_eq!(paths(create(r#"{"name":"n","scopes":"chat"}"#)), ["scopes"]);
    }

    #[test]
    fn operator_scopes_require_operator_client() {
        let admin = r#""name":"n","scopes":["chat","clients:admin"]"#;
        assert_eq!(paths(create(&format!("{{{admin}}}"))), ["scopes[1]"]);
        assert!(create(&format!(r#"{{"clientId":"operator",{admin}}}"#)).is_ok());
    }

    #[test]
    fn overlap_is_at_most_a_week() {
        let rotate = |body: &str| parse_rotate(body.as_bytes());
        assert_eq!(rotate("").unwrap(), Duration::ZERO);
        assert_eq!(rotate("{}").unwrap(), Duration::ZERO);
        assert_eq!(rotate(r#"{"overlapSeconds":604800}"#).unwrap(), MAX_OVERLAP);
        for bad in ["604801", "-1", "0.5", "\"1\"", "1e999"] {
            assert_eq!(paths(rotate(&format!(r#"{{"overlapSeconds":{bad}}}"#))), ["overlapSeconds"], "{bad}");
        }
    }
}
