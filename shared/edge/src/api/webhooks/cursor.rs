//! The cursors of lists of webhooks. They are opaque to callers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::webhooks::DeliveryKey;
use domain::{JobId, WebhookId};
use uuid::Uuid;

/// Why a cursor is invalid.
pub(crate) const INVALID: &str = "must be the nextCursor of an earlier page";

/// Returns the cursor of the page after a delivery.
#[must_use]
pub fn encode((job, webhook): DeliveryKey) -> String {
    URL_SAFE_NO_PAD.encode([*job.uuid().as_bytes(), *webhook.uuid().as_bytes()].concat())
}

/// Returns the delivery after which the page of a cursor begins; `None` if the text is no cursor.
#[must_use]
pub fn decode(cursor: &str) -> Option<DeliveryKey> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (job, webhook) = bytes.split_at_checked(16)?;
    let id = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
    Some((JobId::from_uuid(id(job)?), WebhookId::from_uuid(id(webhook)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_round_trips_and_rejects_other_texts() {
        let key = (JobId::new(), WebhookId::new());
        let cursor = encode(key);
        assert_eq!(decode(&cursor), Some(key));
        for bad in ["", "?", "AAAA", &cursor[..42], &format!("{cursor}A"), &format!("{cursor}=")] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
