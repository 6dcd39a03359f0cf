//! Response headers that are not in every response.

use serde_json::Value;

/// Makes a response header optional.
pub(super) fn optional(mut header: Value) -> Value {
    if let Some(header) = header.as_object_mut() {
        header.remove("required");
    }
    header
}
