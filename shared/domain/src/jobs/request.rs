//! A validated request for one image job.

use serde::{Deserialize, Serialize};

use crate::images::picture::Picture;
use crate::jobs::subscription::WebhookTarget;
use crate::primitives::id::{SessionId, UserId};
use crate::primitives::named::InvalidValue;
use crate::primitives::priority::Priority;

/// The maximum size of `metadata` in bytes, as compact JSON.
pub const METADATA_LIMIT: usize = 4096;

/// The client's own object, returned unchanged. At most [`METADATA_LIMIT`] bytes as compact JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Metadata {
    // Kept as JSON text: DynamoDB would turn 1.0 into 1 and round numbers with many digits.
    json: String,
}

impl Metadata {
    /// Returns the object as compact JSON.
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

/// A validated request for one image job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateRequest {
    pub user: UserId,
    /// The chat session that the job belongs to.
    pub session: Option<SessionId>,
    pub picture: Picture,
    pub priority: Priority,
    pub webhook: Option<WebhookTarget>,
    pub metadata: Option<Metadata>,
}

#[cfg(test)]
mod tests {
    use crate::images::Prompt;
    use crate::jobs::{WebhookUrl, WebhookUrlPolicy};

    #[test]
    fn debug_output_hides_prompts_and_url_paths() {
        let prompt = Prompt::try_from("secret plans".to_owned()).unwrap();
        assert!(!format!("{prompt:?}").contains("plans"));
        let url = WebhookUrl::parse("https://example.com/token", WebhookUrlPolicy::HttpsOnly).unwrap();
        assert!(!format!("{url:?}").contains("token"));
    }
}
