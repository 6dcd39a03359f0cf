//! The answer of `POST /images/generations`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use domain::images::Picture;
use pictures::decode::is_supported;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::usage;
use crate::models::Row;
use crate::reading::{events, is_data_url, is_picture_in_base64};

/// Has only the fields that are used; others are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow, default)]
    data: Option<Vec<Option<RawItem<'a>>>>,
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

impl<'a> Content<'a> {
    /// Some services put a `data:` URL or bare base64 where a URL belongs, or a URL where base64 belongs.
    fn of(inline: Option<&'a str>, url: Option<&'a str>) -> Self {
        let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        match (inline, url) {
            (Some(text), _) if is_url(text.trim_start()) => Self::Url(text.trim()),
            (Some(text), _) => Self::Inline(text),
            (None, Some(text)) if is_data_url(text) || is_picture_in_base64(text) => Self::Inline(text),
            (None, Some(text)) => Self::Url(text.trim()),
            (None, None) => Self::Nothing,
        }
    }

    /// Whether there is a picture, as far as the answer itself shows it.
    pub(super) fn holds_picture(self) -> bool {
        match self {
            Self::Inline(text) => is_picture_in_base64(text),
            Self::Url(_) => true,
            Self::Nothing => false,
        }
    }
}

/// An image of the answer.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) content: Content<'a>,
    pub(super) revised_prompt: Option<&'a str>,
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
            text.as_deref().filter(|text| !text.trim().is_empty())
        }
        let items = self.data.iter().flatten();
        items
            .map(|item| match item {
                Some(item) => Item {
                    content: Content::of(text(&item.b64_json), text(&item.url)),
                    revised_prompt: text(&item.revised_prompt),
                },
                None => Item { content: Content::Nothing, revised_prompt: None },
            })
            .collect()
    }

    /// The cost of each of `count` images in millionths of a US dollar: by the tokens that the call used, or
    /// else the table's price. `count` are those that came, of `asked`.
    pub(super) fn costs(&self, row: &Row, picture: &Picture, count: usize, asked: usize) -> Vec<u64> {
        match self.usage.as_ref().and_then(|usage| usage::micros(usage, row, picture, asked.max(count))) {
            Some(micros) => split(micros, count),
            None => vec![row.image_micros(picture); count],
        }
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

/// An event of an image's stream: an early and blurred version, a finished image, or a whole answer.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    b64_json: Option<&'a RawValue>,
    #[serde(borrow, default)]
    url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// The body as an answer with a list of images, if it came as an event stream or is the image itself; else the
/// body.
pub(super) fn as_answer(body: Bytes) -> Bytes {
    if is_supported(&body) {
        return format!(r#"{{"data":[{{"b64_json":"{}"}}]}}"#, BASE64_STANDARD.encode(&body)).into();
    }
    let Some(events) = events(&body) else { return body };
    let (mut finished, mut untold, mut usage) = (Vec::new(), None, None);
    for text in &events {
        let Ok(event) = serde_json::from_slice::<Event<'_>>(text) else { continue };
        if event.data.is_some() {
            untold = Some(text.clone());
            finished.clear();
        } else if event.b64_json.is_some() || event.url.is_some() {
            match event.kind.as_deref() {
                Some(kind) if kind.contains("partial") => continue,
                Some(_) => finished.push(&text[..]),
                // Without a type, each is a better version of the one before it.
                None => untold = Some(listed(&[text], event.usage)),
            }
        }
        usage = event.usage.or(usage);
    }
    if !finished.is_empty() {
        return listed(&finished, usage);
    }
    // Without any image, the last event may hold an error.
    untold.or_else(|| events.last().cloned()).unwrap_or_default()
}

/// An answer with these items.
fn listed(items: &[&[u8]], usage: Option<&RawValue>) -> Bytes {
    let usage = usage.map_or("null", RawValue::get);
    let items = items.join(&b',');
    [&br#"{"data":["#[..], &items, br#"],"usage":"#, usage.as_bytes(), b"}"].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAA";

    fn contents(body: &str) -> Vec<String> {
        let body = as_answer(Bytes::from(body.to_owned()));
        let Ok(answer) = Answer::read(&body) else { return Vec::new() };
        let shown = |content| match content {
            Content::Inline(text) => text.to_owned(),
            Content::Url(url) => format!("at {url}"),
            Content::Nothing => "nothing".to_owned(),
        };
        answer.items().iter().map(|item| shown(item.content)).collect()
    }

    #[test]
    fn picture_is_found_in_either_field() {
        let data_url = format!("data:image/png;base64,{PNG}");
        for (item, expected) in [
            (format!(r#"{{"b64_json":"{PNG}","url":""}}"#), PNG),
            (format!(r#"{{"url":"{PNG}"}}"#), PNG),
            (format!(r#"{{"url":"{data_url}"}}"#), &data_url),
            (format!(r#"{{"b64_json":"{data_url}","url":null}}"#), &data_url),
            (r#"{"url":" https://a.example/1.png\n"}"#.to_owned(), "at https://a.example/1.png"),
            (r#"{"b64_json":"http://a.example/1.png"}"#.to_owned(), "at http://a.example/1.png"),
            (r#"{"b64_json":" ","url":"/files/1.png"}"#.to_owned(), "at /files/1.png"),
            ("null".to_owned(), "nothing"),
            ("{}".to_owned(), "nothing"),
        ] {
            assert_eq!(contents(&format!(r#"{{"data":[{item}]}}"#)), [expected], "{item}");
        }
    }

    #[test]
    fn last_event_of_a_stream_holds_the_picture() {
        let event = |kind: &str, text: &str| {
            format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"b64_json\":\"{text}\"}}\n\n")
        };
        let partial = event("image_generation.partial_image", "early");
        let done = |text| event("image_generation.completed", text);
        for (stream, expected) in [
            (format!("{partial}{partial}{}", done("a")), &["a"][..]),
            (format!("{}{}data: [DONE]\n\n", done("a"), done("b")), &["a", "b"]),
            (format!("{}data: {{\"data\":[{{\"b64_json\":\"c\"}}]}}", done("early")), &["c"]),
            ("data: {\"b64_json\":\"early\"}\n\ndata: {\"b64_json\":\"d\"}\n\n".to_owned(), &["d"]),
            (partial.clone(), &[]),
            (format!("{partial}data: {{\"error\":{{\"message\":\"no\"}}}}\n\n"), &[]),
            (": nothing\n\n".to_owned(), &[]),
        ] {
            assert_eq!(contents(&stream), expected, "{stream}");
        }
        let usage = "{\"output_tokens\": 7}";
        let stream = format!("data: {{\"type\":\"x.completed\",\"b64_json\":\"a\",\"usage\":{usage}}}\n\n");
        let body = as_answer(Bytes::from(stream));
        assert_eq!(Answer::read(&body).unwrap().usage.unwrap()["output_tokens"], 7);
    }

    #[test]
    fn body_that_is_the_picture_itself_is_one_item() {
        let png = BASE64_STANDARD.decode(PNG).unwrap();
        let body = as_answer(png.into());
        assert_eq!(Answer::read(&body).unwrap().items()[0].content, Content::Inline(PNG));
    }
}
