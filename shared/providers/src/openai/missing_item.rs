//! Why an answer that was a success lacks an image: a service may refuse one image of several, or all of them,
//! in an answer with status 200.

use domain::providers::{ErrorClass, ProviderError, Reason};
use serde_json::{Value, json};

use super::answer::Item;
use super::api_client::{ApiClient, CallContext};
use crate::call::Answer;
use crate::reading::lenient::Fields;

/// The values of `finish_reason` that mean a refusal, in lower case.
const REFUSED: [&str; 5] = ["content_filter", "content_filtered", "safety", "image_safety", "moderation"];

/// Whether the service says that it refuses the item. Values of any type are taken, and others are ignored.
fn is_refused(fields: &Fields<'_>) -> bool {
    let finish = ["finish_reason", "finishReason"].into_iter().find_map(|name| fields.text(name));
    let finish = finish.unwrap_or_default().to_lowercase();
    let filtered = |result: &Value| result["filtered"] == true;
    // `false`: the image was made, and withheld.
    fields.value("respect_moderation") == false
        || REFUSED.contains(&finish.as_str())
        // Azure's, by category.
        || fields.value("content_filter_results").as_object().is_some_and(|all| all.values().any(filtered))
}

/// The error of an item of the successful answer `body`, which holds no image, or is not there.
pub(super) fn error(
    client: &ApiClient,
    body: &[u8],
    item: Option<&Item<'_>>,
    call: CallContext<'_>,
) -> ProviderError {
    let none = Fields::default();
    let fields = item.map_or(&none, |item| &item.fields);
    let own = fields.value("error");
    if !own.is_null() {
        let problem = "an item of the answer holds an error";
        let error = client.unusable(json!({ "error": own }).to_string().as_bytes(), problem, call);
        // It is about this item: an account in trouble makes no list of images.
        return if error.class == ErrorClass::Caller { error } else { Answer::unusable(problem) };
    }
    if is_refused(fields) {
        let message = "the provider objects to the picture that it made";
        return ProviderError::new(ErrorClass::Caller, Reason::Moderated, message).possibly_paid();
    }
    // The whole answer may hold an error beside its list.
    client
        .in_place_of_images(body, call)
        .unwrap_or_else(|| Answer::without_image("the answer holds no picture"))
}
