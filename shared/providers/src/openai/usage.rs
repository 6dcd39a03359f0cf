//! What a call cost, by the tokens that its answer reports.
//!
//! Services with OpenAI's API report them under several names and as several types of number.

use domain::images::Picture;
use serde_json::Value;
use tracing::error;

use super::PROVIDER;
use crate::models::{Row, TokenRates};

/// More tokens of text than any prompt has beside its own characters.
const MAX_OTHER_TOKENS: u64 = 4000;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tokens {
    text_input: u64,
    /// Part of `text_input`.
    cached: u64,
    image_input: u64,
    text_output: u64,
    image_output: u64,
}

/// The cost in millionths of a US dollar of a call for `count` images; `None` if the usage does not say, or says
/// what cannot be: then the price of an image in the table is nearer.
pub(super) fn micros(usage: &Value, row: &Row, picture: &Picture, count: usize) -> Option<u64> {
    let rates = row.prices.tokens?;
    let tokens = Tokens::read(usage).filter(|tokens| tokens.text_output + tokens.image_output > 0)?;
    let (micros, most) = (tokens.micros(rates), most_micros(row, rates, picture, count));
    if micros <= most {
        return Some(micros.round() as u64);
    }
    error!(
        provider = PROVIDER,
        alarm = "implausible_cost",
        micros,
        most,
        count,
        "an answer reports more tokens than such a call can use; the table's price is recorded instead"
    );
    None
}

/// More than any call for `count` images costs.
fn most_micros(row: &Row, rates: TokenRates, picture: &Picture, count: usize) -> f64 {
    let text = picture.prompt.as_str().len() as u64 + MAX_OTHER_TOKENS;
    row.most_image_micros() * count as f64 + text as f64 * rates.text_input
}

impl Tokens {
    /// Reads the names of images and those of chats.
    fn read(usage: &Value) -> Option<Self> {
        let usage = usage.as_object()?;
        let any = |names: [&str; 2]| names.iter().find_map(|name| usage.get(*name).filter(|v| !v.is_null()));
        let detail = |details: Option<&Value>, name: &str| {
            details.and_then(|details| details.get(name)).and_then(number).unwrap_or(0)
        };
        let input = any(["input_tokens", "prompt_tokens"]).and_then(number).unwrap_or(0);
        let output = any(["output_tokens", "completion_tokens"]).and_then(number).unwrap_or(0);
        let inputs = any(["input_tokens_details", "prompt_tokens_details"]);
        let outputs = any(["output_tokens_details", "completion_tokens_details"]);
        let image_input = detail(inputs, "image_tokens");
        // Input that is not an image is text. No images are sent, so cached input is text too.
        let text_input = input.saturating_sub(image_input).max(detail(inputs, "text_tokens"));
        let text_output = detail(outputs, "text_tokens");
        // Output that is not text is images.
        let image_output = output.saturating_sub(text_output).max(detail(outputs, "image_tokens"));
        let cached = detail(inputs, "cached_tokens").min(text_input);
        Some(Self { text_input, cached, image_input, text_output, image_output })
    }

    /// The cost in millionths of a US dollar. A rate in dollars per million tokens is the same number of
    /// millionths per token.
    fn micros(self, rates: TokenRates) -> f64 {
        (self.text_input - self.cached) as f64 * rates.text_input
            + self.cached as f64 * rates.cached_text_input.unwrap_or(rates.text_input)
            + self.image_input as f64 * rates.image_input
            + self.text_output as f64 * rates.text_output.unwrap_or(rates.output)
            + self.image_output as f64 * rates.output
    }
}

/// A count: whole, with decimals, or in text. At most what two counts can be added up to without overflow.
fn number(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (number >= 0.0).then(|| (number.round() as u64).min(u64::MAX / 4))
}

#[cfg(test)]
mod tests {
    use domain::images::ProviderChoice;
    use serde_json::json;
    use testkit::Logs;

    use super::*;
    use crate::models::models;

    fn cost(model: &str, usage: &Value, count: usize) -> Option<u64> {
        let mut picture = testkit::a_request("a kite").picture;
        picture.provider = ProviderChoice::GptImage;
        let row = &models().openai.row(model, None).unwrap().row;
        micros(usage, row, &picture, count)
    }

    #[test]
    fn usage_is_read_under_every_name_and_type() {
        // 16 tokens of text at 5, 4000 of images at 30.
        for usage in [
            json!({"input_tokens": 16, "output_tokens": 4000}),
            json!({"input_tokens": 16.0, "output_tokens": 4000.0}),
            json!({"input_tokens": "16", "output_tokens": " 4000 "}),
            json!({"prompt_tokens": 16, "completion_tokens": 4000, "total_tokens": 4016}),
            json!({"input_tokens": null, "prompt_tokens": 16, "output_tokens": 4000}),
            json!({"input_tokens": 16, "output_tokens": 4000, "input_tokens_details": null}),
            json!({"input_tokens": 16, "output_tokens": 4000, "output_tokens_details": null}),
            json!({"input_tokens": 16, "output_tokens": 4000, "input_tokens_details": {"text_tokens": null}}),
            json!({"input_tokens": 16, "output_tokens": 4000, "input_tokens_details": [1]}),
            json!({"input_tokens": 16, "output_tokens": 4000, "input_tokens_details": {"text_tokens": 16.0}}),
            json!({"input_tokens": 16, "output_tokens_details": {"image_tokens": 4000}}),
            json!({"prompt_tokens": 16, "prompt_tokens_details": {"image_tokens": 0}, "completion_tokens": 4000}),
        ] {
            assert_eq!(cost("gpt-image-2", &usage, 1), Some(120_080), "{usage}");
        }
        let cached = json!({"prompt_tokens": 16, "completion_tokens": 4000, "prompt_tokens_details": {"cached_tokens": 8}});
        assert_eq!(cost("gpt-image-2", &cached, 1), Some(120_050));
        for usage in [
            json!(null),
            json!({}),
            json!([]),
            json!({"output_tokens": 0}),
            json!({"output_tokens": -4}),
            json!({"output_tokens": "many"}),
            json!({"output_tokens": {}}),
        ] {
            assert_eq!(cost("gpt-image-2", &usage, 1), None, "{usage}");
        }
    }

    #[test]
    fn text_and_images_of_the_output_have_their_own_rates() {
        let usage = json!({
            "input_tokens": 100, "output_tokens": 4599,
            "output_tokens_details": {"text_tokens": 439, "image_tokens": 4160},
        });
        // 100 at 5, 439 at 10, 4160 at 32.
        assert_eq!(cost("gpt-image-1.5", &usage, 1), Some(500 + 4_390 + 133_120));
        // Without a published rate for text, it is billed like images.
        assert_eq!(cost("gpt-image-1-mini", &usage, 1), Some(200 + 4599 * 8));
    }

    #[test]
    fn more_tokens_than_a_call_can_use_raise_an_alarm_and_are_not_billed() {
        let logs = Logs::begin();
        for usage in [
            json!({"input_tokens": 16, "output_tokens": 1_000_000_000_000_000_u64}),
            json!({"input_tokens": 1_000_000_000_000_000_u64, "output_tokens": 1756}),
            json!({"input_tokens": 1e300, "output_tokens": 1e300}),
            json!({"output_tokens_details": {"text_tokens": u64::MAX, "image_tokens": u64::MAX}}),
            json!({"input_tokens": 16, "output_tokens": 1756 * 1000}),
        ] {
            assert_eq!(cost("gpt-image-2", &usage, 1), None, "{usage}");
        }
        assert_eq!(logs.with("alarm", "implausible_cost").len(), 5);
        // The largest images of the best quality are believed.
        assert_eq!(cost("gpt-image-2.5-flare", &json!({"output_tokens": 28_096 * 4}), 4), Some(3_371_520));
        assert_eq!(logs.with("alarm", "implausible_cost").len(), 5);
    }
}
