//! Why an answer that was a success lacks an image: a service may refuse one image of several, or all of them,
//! in an answer with status 200.

use domain::providers::{ErrorClass, ProviderError, Reason};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api_client::{ApiClient, CallContext};
use crate::call::Answer;

/// The values of `finish_reason` that mean a refusal, in lower case.
const REFUSED: [&str; 5] = ["content_filter", "content_filtered", "safety", "image_safety", "moderation"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    data: Vec<Item>,
}

/// What services say of an image that they leave out. Values of any type are taken, and others are ignored.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    error: Value,
    /// `false`: the image was made, and withheld.
    respect_moderation: Value,
    #[serde(alias = "finishReason")]
    finish_reason: Value,
    /// Azure's, by category.
    content_filter_results: Value,
}

impl Item {
    fn is_refused(&self) -> bool {
        let finish = self.finish_reason.as_str().unwrap_or_default().to_lowercase();
        let filtered = |result: &Value| result["filtered"] == true;
        self.respect_moderation == false
            || REFUSED.contains(&finish.as_str())
            || self.content_filter_results.as_object().is_some_and(|all| all.values().any(filtered))
    }
}

/// The error of item number `at` of a successful answer, which holds no image or is not there.
pub(super) fn error(client: &ApiClient, body: &[u8], at: usize, call: CallContext<'_>) -> ProviderError {
    let items = serde_json::from_slice::<Body>(body).unwrap_or_default().data;
    let item = items.into_iter().nth(at).unwrap_or_default();
    if !item.error.is_null() {
        let own = json!({ "error": item.error }).to_string();
        return client.unusable(own.as_bytes(), "an item of the answer holds an error", call).possibly_paid();
    }
    if item.is_refused() {
        let message = "the provider objects to the picture that it made";
        return ProviderError::new(ErrorClass::Caller, Reason::Moderated, message).possibly_paid();
    }
    // The whole answer may hold an error beside its list.
    client
        .in_place_of_images(body, call)
        .unwrap_or_else(|| Answer::without_image("the answer holds no picture"))
}
