//! How a new key is printed.

use domain::access::{ApiKey, KeyRecord};
use serde_json::{Value, json};

use crate::output;

/// Prints a new key. It cannot be shown again: only its hash is stored.
pub(super) fn print_key(created: &Value, as_json: bool) {
    if as_json {
        output::line(created);
    } else {
        let text = |field: &str| created[field].as_str().unwrap_or_default();
        output::line(text("key"));
        output::note(format_args!("id {}, client {}", text("id"), text("clientId")));
        output::note("The key is not shown again.");
    }
}

/// A key and its record in the form in which the API answers them.
pub(super) fn key_json(key: &ApiKey, record: &KeyRecord) -> Value {
    json!({
        "id": record.id,
        "key": key.expose(),
        "clientId": record.client_id,
        "name": record.name,
        "scopes": record.scopes,
        "createdAt": record.created_at.to_string(),
    })
}
