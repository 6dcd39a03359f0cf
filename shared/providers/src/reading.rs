//! Reads what a service sends in another form than it was asked for, as long as that has one meaning only: what
//! it sends is paid for.

pub(crate) mod lenient;

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use lenient::Fields;
use pictures::decode::is_supported;

/// Padding is removed before.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);
/// How much of a text is decoded to see whether it is a picture: the first bytes of every format, and blanks.
const BEGIN: usize = 64;

/// The text without what may stand around base64: blanks, a byte order mark, NUL, quotation marks.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\0' | '"'))
}

/// Decodes base64, also in a `data:` URL: in the standard or the URL-safe alphabet, with any padding, with blanks
/// and line breaks anywhere. `None` if it is something else, or empty.
pub(crate) fn decode_base64(text: &str) -> Option<Bytes> {
    let text = bare(text);
    let text = if is_data_url(text) { without_escapes(text.split_once(',')?.1)? } else { text.into() };
    let text = text.trim_end_matches(|c: char| c == '=' || c.is_ascii_whitespace());
    let other = |byte: u8| byte.is_ascii_whitespace() || byte == b'-' || byte == b'_';
    let plain: Cow<'_, [u8]> = if text.bytes().any(other) {
        let bytes = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
        let standard = bytes.map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => byte,
        });
        standard.collect::<Vec<u8>>().into()
    } else {
        text.as_bytes().into()
    };
    let bytes = BASE64.decode(&plain).ok()?;
    (!bytes.is_empty()).then(|| bytes.into())
}

/// Whether the text is a `data:` URL with base64.
pub(crate) fn is_data_url(text: &str) -> bool {
    let text = bare(text);
    let is_data = text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    let head = text.split_once(',').map(|(head, _)| head).filter(|_| is_data);
    let coding = head.and_then(|head| head.rsplit_once(';'));
    coding.is_some_and(|(_, coding)| coding.trim().eq_ignore_ascii_case("base64"))
}

/// Whether the text is a picture in base64, as far as its beginning shows.
pub(crate) fn is_picture_in_base64(text: &str) -> bool {
    let text = bare(text);
    let data = if is_data_url(text) { text.split_once(',').map_or("", |(_, data)| data) } else { text };
    let begin: String = data.chars().filter(|c| !c.is_ascii_whitespace()).take(BEGIN).collect();
    let whole = begin.len() / 4 * 4;
    begin.get(..whole).and_then(decode_base64).is_some_and(|bytes| is_supported(&bytes))
}

/// The picture, if the body is one itself, or nothing but one in base64.
pub(crate) fn bare_picture(body: &Bytes) -> Option<Bytes> {
    if is_supported(body) {
        return Some(body.clone());
    }
    let text = std::str::from_utf8(body).ok().filter(|text| is_picture_in_base64(text))?;
    decode_base64(text).filter(|bytes| is_supported(bytes))
}

/// The body in UTF-8, if it is UTF-16 with a byte order mark; any other body as it is.
pub(crate) fn as_utf8(body: Bytes) -> Bytes {
    let unit = match body.first_chunk() {
        Some(b"\xff\xfe") => u16::from_le_bytes,
        Some(b"\xfe\xff") => u16::from_be_bytes,
        _ => return body,
    };
    let units = body.as_chunks().0.iter().skip(1).map(|pair| unit(*pair));
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.into()
}

/// The body as JSON whose fields can be read, if only details of it are wrong; any other body as it is.
pub(crate) fn as_json(body: Bytes) -> Bytes {
    if Fields::read(&body).is_some() {
        return body;
    }
    lenient::mended(&body).filter(|mended| Fields::read(mended).is_some()).map_or(body, Bytes::from)
}

/// Undoes the escapes of a URL (`%3D` for `=`).
fn without_escapes(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(text.into());
    }
    let mut parts = text.split('%');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let code = part.get(..2)?;
        plain.push(char::from(u8::from_str_radix(code, 16).ok()?));
        plain.push_str(part.get(2..)?);
    }
    Some(plain.into())
}

/// The data of each event, if the body is an event stream (`text/event-stream`), whatever its content type says.
/// The last event may lack the blank line after it. The end mark `[DONE]` is left out.
pub(crate) fn events(body: &Bytes) -> Option<Vec<Bytes>> {
    const FIELDS: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    let begin = body.trim_ascii_start();
    if !FIELDS.iter().any(|field| begin.starts_with(field)) {
        return None;
    }
    let mut events = Vec::new();
    let mut lines: Vec<&[u8]> = Vec::new();
    let mut end = |lines: &mut Vec<&[u8]>| {
        let data = match lines.as_slice() {
            [] => return,
            [line] => body.slice_ref(line),
            lines => lines.join(&b'\n').into(),
        };
        lines.clear();
        if !data.trim_ascii().is_empty() && data.trim_ascii() != b"[DONE]" {
            events.push(data);
        }
    };
    // A line ends with CR, LF or both. Between the two of CRLF is no line: it would end the event.
    for line in begin.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        for line in line.split(|byte| *byte == b'\r') {
            if line.is_empty() {
                end(&mut lines);
            } else if let Some(data) = line.strip_prefix(b"data:") {
                lines.push(data.strip_prefix(b" ").unwrap_or(data));
            }
        }
    }
    end(&mut lines);
    Some(events)
}

/// The data of the last event, if the body is an event stream; else the body.
pub(crate) fn last_event(body: Bytes) -> Bytes {
    match events(&body) {
        Some(mut events) => events.pop().unwrap_or_default(),
        None => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_is_decoded_in_every_form_with_one_meaning() {
        let bytes = b"\xfb\xef\xbe hello?>~";
        for text in [
            "++++IGhlbGxvPz5+",
            "----IGhlbGxvPz5-",
            "++--IGhlbGxvPz5+",
            "\n++++IGhlbGxvPz5+\n",
            "++++IGhl\r\nbGxvPz5+\r\n",
            "+ + + + I G h l b G x v P z 5 +",
            "++++IGhlbGxvPz5+====",
            "data:image/png;base64,++++IGhlbGxvPz5+",
            " DATA:image/png;BASE64,----IGhl\nbGxvPz5-",
            "data:image/png;charset=utf-8;base64,%2B%2b++IGhlbGxvPz5%2B",
            "data:image/png; base64 , ++++IGhlbGxvPz5+",
            "\u{feff}++++IGhlbGxvPz5+\0\0",
            "\"++++IGhlbGxvPz5+\"\n",
        ] {
            assert_eq!(decode_base64(text).as_deref(), Some(&bytes[..]), "{text}");
        }
        for text in ["aGVsbG8=", "aGVsbG8", "aGVsbG8==", "aGVsbG8= \r\n=", "aGVs\tbG8", "aGVsbG9="] {
            assert_eq!(decode_base64(text).as_deref(), Some(&b"hello"[..]), "{text}");
        }
        for text in [
            "",
            "=",
            "a",
            "%%%%",
            "aGVs=bG8=",
            "aGVsbG8,",
            "data:image/png;base64",
            "data:image/png;base64,",
            "data:image/png,aGVsbG8",
            "data:;base64,%",
            "data:;base64,%4",
            "data:;base64,%zz",
            "<html>",
        ] {
            assert_eq!(decode_base64(text), None, "{text}");
        }
    }

    #[test]
    fn picture_in_base64_is_told_by_its_beginning() {
        let png = "iVBORw0KGgoAAAANSUhEUgAA";
        for text in [png, &format!("data:image/png;base64,{png}"), "iVBO\r\nRw0K\r\nGgoA", "/9j/4AAQSkZJRg"] {
            assert!(is_picture_in_base64(text), "{text}");
        }
        for text in
            ["", "/9/", "/pictures/1.png", "https://a.example/iVBORw0KGgo.png", "aGVsbG8gd29ybGQ", "data:,"]
        {
            assert!(!is_picture_in_base64(text), "{text}");
        }
    }

    #[test]
    fn event_stream_is_split_into_the_data_of_its_events() {
        for (stream, expected) in [
            ("data: {\"a\":1}\n\ndata: [DONE]\n\n", &["{\"a\":1}"][..]),
            ("data:1\r\n\r\ndata:2\r\n\r\n", &["1", "2"]),
            ("data:1\r\rdata:2", &["1", "2"]),
            (": ping\n\nevent: done\nid: 7\ndata: {\ndata: }\n", &["{\n}"]),
            ("\n\nretry: 10\ndata:\n\n", &[]),
        ] {
            let events = events(&Bytes::from(stream)).unwrap();
            assert_eq!(events, expected, "{stream:?}");
            let last = expected.last().copied().unwrap_or_default();
            assert_eq!(last_event(Bytes::from(stream)), last, "{stream:?}");
        }
        for body in ["", "{\"data\": 1}", "[1]", "<html>data:1</html>", "database"] {
            assert_eq!(events(&Bytes::from(body)), None, "{body}");
            assert_eq!(last_event(Bytes::from(body)), body);
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back_from_base64_however_it_is_broken(
            bytes in prop::collection::vec(any::<u8>(), 1..80), columns in 1usize..40, url_safe: bool, padded: bool,
        ) {
            use base64::prelude::*;
            let text = match (url_safe, padded) {
                (true, true) => BASE64_URL_SAFE.encode(&bytes),
                (true, false) => BASE64_URL_SAFE_NO_PAD.encode(&bytes),
                (false, true) => BASE64_STANDARD.encode(&bytes),
                (false, false) => BASE64_STANDARD_NO_PAD.encode(&bytes),
            };
            let lines: Vec<_> = text.as_bytes().chunks(columns).map(String::from_utf8_lossy).collect();
            prop_assert_eq!(decode_base64(&lines.join("\r\n")), Some(bytes.into()));
        }

        #[test]
        fn no_text_panics(text in ".{0,60}", stream in "(data:|event:|:|\r|\n|\\[DONE\\]|.){0,20}") {
            let _ = (decode_base64(&text), is_picture_in_base64(&text), is_data_url(&text));
            let _ = (decode_base64(&format!("data:;base64,{text}")), events(&text.clone().into()));
            let _ = events(&stream.into());
            for body in [text.clone().into_bytes(), [b"\xff\xfe", text.as_bytes()].concat()] {
                let _ = (bare_picture(&body.clone().into()), as_json(as_utf8(body.into())));
            }
        }
    }
}
