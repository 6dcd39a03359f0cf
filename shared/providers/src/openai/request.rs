//! The body of `POST /images/generations`: only the fields that the model's dialect knows, because OpenAI
//! refuses a request with a field that its model does not have.

use domain::images::Style;
use domain::primitives::NamedValue as _;
use domain::providers::ImageTask;
use serde::Serialize;

use crate::models::{Dialect, OpenAiRow, StyleBy};

#[derive(Debug, Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    pub(super) prompt: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<usize>,
    size: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
}

/// The request for `count` of the images of `task`. `row` supports its picture.
pub(super) fn body<'a>(model: &'a str, row: &'a OpenAiRow, task: &'a ImageTask, count: usize) -> Body<'a> {
    let OpenAiRow { dialect, row, .. } = row;
    let picture = &task.picture;
    let prompt = row.prompt(picture);
    let common = Body {
        model,
        prompt,
        n: Some(count),
        size: row.size(picture.size).unwrap_or_else(|| picture.size.as_str()),
        quality: row.quality(picture.quality),
        style: None,
        output_format: None,
        response_format: None,
        user: Some(&task.user),
    };
    match dialect {
        Dialect::GptImage => Body { output_format: Some("png"), ..common },
        // Inline, because a URL has to be fetched and may expire before that.
        Dialect::Dalle => {
            let style = picture.style.filter(|_| row.style == StyleBy::Field).map(Style::as_str);
            Body { style, response_format: Some("b64_json"), ..common }
        }
        Dialect::Local => Body {
            // LocalAI reads the text after a bar as the negative prompt.
            prompt: common.prompt.replace('|', "/"),
            n: None,
            response_format: Some("b64_json"),
            user: None,
            ..common
        },
    }
}
