//! A request for one image job.

use crate::images::picture::Picture;
use crate::jobs::subscription::WebhookTarget;
use crate::primitives::id::{SessionId, UserId};
use crate::primitives::named::InvalidValue;
use crate::primitives::priority::Priority;
use serde::{Deserialize, Serialize};

/// The most bytes that `metadata` may take as compact JSON.
pub const METADATA_LIMIT: usize = 4096;

/// The caller's own object, given back unchanged: at most [`METADATA_LIMIT`] bytes as compact JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Metadata {
    // Kept as the JSON text: a row would turn 1.0 into 1 and lose digits of large numbers.
    json: String,
}

impl Metadata {
    /// The object, as compact JSON.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl TryFrom<String> for Metadata {
    type Error = InvalidValue;
    fn try_from(json: String) -> Result<Self, InvalidValue> {
        if json.len() > METADATA_LIMIT {
            return Err(InvalidValue(format!("must be an object of at most {METADATA_LIMIT} bytes")));
        }
        Ok(Self { json })
    }
}

impl From<Metadata> for String {
    fn from(metadata: Metadata) -> Self {
        metadata.json
    }
}

impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Metadata({} bytes)", self.json.len())
    }
}

/// A request for one image job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateRequest {
    /// For whom.
    pub user: UserId,
    /// In which chat session, if in one.
    pub session: Option<SessionId>,
    /// What to make.
    pub picture: Picture,
    /// How urgent it is.
    pub priority: Priority,
    /// Whom to tell.
    pub webhook: Option<WebhookTarget>,
    /// What to give back.
    pub metadata: Option<Metadata>,
}

#[cfg(test)]
mod tests {
    use crate::images::Prompt;
    use crate::jobs::{WebhookUrl, WebhookUrlPolicy};

    #[test]
    fn nothing_of_the_user_shows_in_debug() {
        let prompt = Prompt::try_from("secret plans".to_owned()).unwrap();
        assert!(!format!("{prompt:?}").contains("plans"));
        let url = WebhookUrl::parse("https://example.com/token", WebhookUrlPolicy::HttpsOnly).unwrap();
        assert!(!format!("{url:?}").contains("token"));
    }
}
