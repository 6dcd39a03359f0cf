//! The answer of `POST /images/generations`.

use std::borrow::Cow;

use bytes::Bytes;
use domain::images::Picture;
use domain::providers::ProviderError;
use serde::Deserialize;
use serde_json::Value;

use crate::call;
use crate::models::{Row, TokenRates};

/// Has only the fields that are used; others are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow, default)]
    data: Option<Vec<RawItem<'a>>>,
    // Read separately: an unreadable usage must not lose the images.
    #[serde(default)]
    usage: Option<Value>,
}

/// Borrows the images from the answer, which is too long to copy.
#[derive(Debug, Deserialize)]
struct RawItem<'a> {
    #[serde(borrow, default)]
    b64_json: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    revised_prompt: Option<Cow<'a, str>>,
}

/// Where an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// In the answer, as base64.
    Inline(&'a str),
    Url(&'a str),
    Nothing,
}

/// An image of the answer.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) content: Content<'a>,
    pub(super) revised_prompt: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    input_tokens_details: Details,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    text_tokens: u64,
    image_tokens: u64,
    cached_tokens: u64,
}

impl<'a> Answer<'a> {
    /// Reads an answer; if `bytes` are none, returns what is wrong with them.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        if bytes.is_empty() {
            return Err("the answer is empty");
        }
        let answer: Self =
            serde_json::from_slice(bytes).map_err(|_| "the answer is not the JSON it should be")?;
        if answer.data.is_none() {
            return Err("the answer holds no list of pictures");
        }
        Ok(answer)
    }

    pub(super) fn items(&self) -> Vec<Item<'_>> {
        fn text<'b>(text: &'b Option<Cow<'_, str>>) -> Option<&'b str> {
            text.as_deref().filter(|text| !text.is_empty())
        }
        let items = self.data.iter().flatten();
        items
            .map(|item| Item {
                content: match (text(&item.b64_json), text(&item.url)) {
                    (Some(inline), _) => Content::Inline(inline),
                    (None, Some(url)) => Content::Url(url),
                    (None, None) => Content::Nothing,
                },
                revised_prompt: text(&item.revised_prompt),
            })
            .collect()
    }

    /// The cost of each of `count` images in millionths of a US dollar: by the tokens that the call used, or
    /// else the table's price.
    pub(super) fn costs(&self, row: &Row, picture: &Picture, count: usize) -> Vec<u64> {
        let used = self.usage.as_ref().and_then(|usage| Usage::deserialize(usage).ok());
        let used = used.filter(|usage| usage.output_tokens > 0).zip(row.prices.tokens);
        match used {
            Some((usage, rates)) => split(usage.micros(rates), count),
            None => vec![row.image_micros(picture); count],
        }
    }
}

impl Usage {
    /// The cost in millionths of a US dollar. A rate in dollars per million tokens is the same number of
    /// millionths per token.
    fn micros(&self, rates: TokenRates) -> u64 {
        let Details { text_tokens, image_tokens, cached_tokens } = self.input_tokens_details;
        // Input that is not an image is text. No images are sent, so cached input is text too.
        let text = self.input_tokens.saturating_sub(image_tokens).max(text_tokens);
        let cached = cached_tokens.min(text);
        let micros = (text - cached) as f64 * rates.text_input
            + cached as f64 * rates.cached_text_input.unwrap_or(rates.text_input)
            + image_tokens as f64 * rates.image_input
            + self.output_tokens as f64 * rates.output;
        micros.round() as u64
    }
}

/// `total` in `count` equal parts; the first also has the remainder.
fn split(total: u64, count: usize) -> Vec<u64> {
    let Some(each) = total.checked_div(count as u64) else { return Vec::new() };
    let mut parts = vec![each; count];
    if let Some(first) = parts.first_mut() {
        *first += total % count as u64;
    }
    parts
}

/// Returns the bytes if they begin like an image in a supported format.
pub(super) fn check_format(bytes: Bytes) -> Result<Bytes, ProviderError> {
    if pictures::decode::is_supported(&bytes) {
        Ok(bytes)
    } else {
        Err(call::Answer::unusable("what came is not a picture"))
    }
}
