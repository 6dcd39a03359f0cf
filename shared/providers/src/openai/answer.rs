//! The answer of `POST /images/generations`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use domain::images::Picture;
use pictures::decode::is_supported;
use serde_json::Value;
use serde_json::value::RawValue;

use super::usage;
use crate::models::Row;
use crate::reading::lenient::{self, Fields};
use crate::reading::{as_json, bare_picture, decode_base64, events, is_data_url, is_picture_in_base64};

/// Has only what is used. Each field is read by itself: an odd one must not lose the images.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) items: Vec<Item<'a>>,
    usage: Value,
}

/// An image of the answer, or what stands in its place. Images are borrowed from the answer, which is too long to
/// copy.
#[derive(Debug, Default)]
pub(super) struct Item<'a> {
    pub(super) content: Content<'a>,
    pub(super) revised_prompt: Option<Cow<'a, str>>,
    pub(super) fields: Fields<'a>,
}

/// Where an image is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// In the answer, as base64.
    Inline(Cow<'a, str>),
    Url(Cow<'a, str>),
    #[default]
    Nothing,
}

impl<'a> Content<'a> {
    /// Some services put a `data:` URL or bare base64 where a URL belongs, or a URL where base64 belongs. Beside a
    /// URL, base64 counts only if it is a picture.
    fn of(inline: Option<Cow<'a, str>>, url: Option<Cow<'a, str>>) -> Self {
        let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        let is_picture = |text: &str| decode_base64(text).is_some_and(|bytes| is_supported(&bytes));
        match (inline, url) {
            (Some(text), _) if is_url(text.trim_start()) => Self::Url(text),
            (Some(text), Some(_)) if is_picture(&text) => Self::Inline(text),
            (_, Some(text)) if is_data_url(&text) || is_picture_in_base64(&text) => Self::Inline(text),
            (_, Some(text)) => Self::Url(text),
            (Some(text), None) => Self::Inline(text),
            (None, None) => Self::Nothing,
        }
    }

    /// Whether there is a picture, as far as the answer itself shows it.
    pub(super) fn holds_picture(&self) -> bool {
        match self {
            Self::Inline(text) => is_picture_in_base64(text),
            Self::Url(_) => true,
            Self::Nothing => false,
        }
    }
}

impl<'a> Item<'a> {
    /// An object, or the image or its URL alone.
    fn read(item: &'a RawValue) -> Self {
        if let Some(fields) = Fields::read(item.get().as_bytes()) {
            let content = Content::of(fields.text("b64_json"), fields.text("url"));
            return Self { content, revised_prompt: fields.text("revised_prompt"), fields };
        }
        let text = lenient::text(item).filter(|text| !text.trim().is_empty());
        Self { content: Content::of(text, None), ..Self::default() }
    }
}

impl<'a> Answer<'a> {
    /// Reads an answer; if `bytes` are none, returns what is wrong with them.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        if bytes.is_empty() {
            return Err("the answer is empty");
        }
        let fields = Fields::read(bytes).ok_or("the answer is not the JSON it should be")?;
        let list = ["data", "images"].into_iter().find_map(|name| fields.raw(name));
        let items = list.and_then(items).ok_or("the answer holds no list of pictures")?;
        Ok(Self { items, usage: fields.value("usage") })
    }

    /// The cost of each of `count` images in millionths of a US dollar: by the tokens that the call used, or
    /// else the table's price. `count` are those that came, of `asked`.
    pub(super) fn costs(&self, row: &Row, picture: &Picture, count: usize, asked: usize) -> Vec<u64> {
        match usage::micros(&self.usage, row, picture, asked.max(count)) {
            Some(micros) => split(micros, count),
            None => vec![row.image_micros(picture); count],
        }
    }
}

/// The items of a list, or a single one in its place.
fn items(list: &RawValue) -> Option<Vec<Item<'_>>> {
    match list.get().as_bytes().first()? {
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
            Some(items.into_iter().map(Item::read).collect())
        }
        b'{' | b'"' => Some(vec![Item::read(list)]),
        _ => None,
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

/// The body as an answer with a list of images, if it came as an event stream or is the image itself; else the
/// body. Its details are mended if it cannot be read otherwise.
pub(super) fn as_answer(body: Bytes) -> Bytes {
    if let Some(picture) = bare_picture(&body) {
        return format!(r#"{{"data":[{{"b64_json":"{}"}}]}}"#, BASE64_STANDARD.encode(&picture)).into();
    }
    match events(&body) {
        Some(events) => answer_of(events.into_iter().map(as_json).collect()),
        None => as_json(body),
    }
}

/// The answer in a stream: early and blurred versions of images, finished ones, or a whole answer.
fn answer_of(mut events: Vec<Bytes>) -> Bytes {
    let (mut finished, mut untold, mut usage) = (Vec::new(), None, None);
    for text in &events {
        let Some(event) = Fields::read(text) else { continue };
        if event.raw("data").is_some() {
            untold = Some(text.clone());
            finished.clear();
        } else if event.raw("b64_json").is_some() || event.raw("url").is_some() {
            match event.text("type") {
                Some(kind) if kind.contains("partial") => continue,
                Some(_) => finished.push(&text[..]),
                // Without a type, each is a better version of the one before it.
                None => untold = Some(listed(&[text], event.raw("usage"))),
            }
        }
        usage = event.raw("usage").or(usage);
    }
    if !finished.is_empty() {
        return listed(&finished, usage);
    }
    // Without any image, the last event may hold an error.
    untold.or_else(|| events.pop()).unwrap_or_default()
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
        let shown = |content: &Content<'_>| match content {
            Content::Inline(text) => text.to_string(),
            Content::Url(url) => format!("at {}", url.trim()),
            Content::Nothing => "nothing".to_owned(),
        };
        answer.items.iter().map(|item| shown(&item.content)).collect()
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
        assert_eq!(Answer::read(&body).unwrap().usage["output_tokens"], 7);
    }

    #[test]
    fn body_that_is_the_picture_itself_is_one_item() {
        let png = BASE64_STANDARD.decode(PNG).unwrap();
        let body = as_answer(png.into());
        assert_eq!(Answer::read(&body).unwrap().items[0].content, Content::Inline(PNG.into()));
    }
}
