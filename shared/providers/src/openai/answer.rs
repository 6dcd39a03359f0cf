//! What `POST /images/generations` answers.

use std::borrow::Cow;

use bytes::Bytes;
use domain::images::Picture;
use domain::providers::ProviderError;
use serde::Deserialize;
use serde_json::Value;

use crate::call;
use crate::models::{Row, TokenRates};

/// An answer. Only what is used is read; whatever else stands in it is nobody's business.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow, default)]
    data: Option<Vec<Item<'a>>>,
    // Read apart: a bill that cannot be read must not lose the pictures.
    #[serde(default)]
    usage: Option<Value>,
}

/// The pictures are borrowed from the answer: it is long, and there is to be no second copy of it.
#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    b64_json: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    revised_prompt: Option<Cow<'a, str>>,
}

/// Where a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// In the answer, as base64.
    Inline(&'a str),
    /// Behind this URL.
    At(&'a str),
    /// Nowhere.
    Nothing,
}

/// A picture, and what is said of it.
#[derive(Debug)]
pub(super) struct Made<'a> {
    pub(super) found: Found<'a>,
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
    /// The answer in `bytes`, or what is wrong with them.
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

    /// Its pictures.
    pub(super) fn pictures(&self) -> Vec<Made<'_>> {
        fn text<'b>(text: &'b Option<Cow<'_, str>>) -> Option<&'b str> {
            text.as_deref().filter(|text| !text.is_empty())
        }
        let items = self.data.iter().flatten();
        items
            .map(|item| Made {
                found: match (text(&item.b64_json), text(&item.url)) {
                    (Some(inline), _) => Found::Inline(inline),
                    (None, Some(url)) => Found::At(url),
                    (None, None) => Found::Nothing,
                },
                revised_prompt: text(&item.revised_prompt),
            })
            .collect()
    }

    /// What each of its `count` pictures costs, in micros: what the call used, or the table's price.
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
    /// A million tokens at a rate in dollars are a token at as many micros.
    fn micros(&self, rates: TokenRates) -> u64 {
        let Details { text_tokens, image_tokens, cached_tokens } = self.input_tokens_details;
        // Whatever is not said to be an image is text. We send no images, so what is cached is text too.
        let text = self.input_tokens.saturating_sub(image_tokens).max(text_tokens);
        let cached = cached_tokens.min(text);
        let micros = (text - cached) as f64 * rates.text_input
            + cached as f64 * rates.cached_text_input.unwrap_or(rates.text_input)
            + image_tokens as f64 * rates.image_input
            + self.output_tokens as f64 * rates.output;
        micros.round() as u64
    }
}

/// `total` in `count` parts, what is left over on the first.
fn split(total: u64, count: usize) -> Vec<u64> {
    let Some(each) = total.checked_div(count as u64) else { return Vec::new() };
    let mut parts = vec![each; count];
    if let Some(first) = parts.first_mut() {
        *first += total % count as u64;
    }
    parts
}

/// The same bytes, if they look like a picture in a format that we pass on.
pub(super) fn picture(bytes: Bytes) -> Result<Bytes, ProviderError> {
    match image::guess_format(&bytes) {
        Ok(image::ImageFormat::Png | image::ImageFormat::Jpeg | image::ImageFormat::WebP) => Ok(bytes),
        Ok(_) | Err(_) => Err(call::Answer::unusable("what came is not a picture")),
    }
}
