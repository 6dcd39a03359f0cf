//! Parses `multipart/form-data`.

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    /// The name of the file, if it is one.
    pub file: Option<String>,
    pub value: Vec<u8>,
}

/// The fields of a form, in the order in which they were sent; `None` if it is invalid or incomplete.
#[must_use]
pub fn fields(content_type: &str, body: &[u8]) -> Option<Vec<Field>> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    // The first boundary has no line break before it; with one, all boundaries look the same.
    let framed = [b"\r\n", body].concat();
    let mut parts = split(&framed, format!("\r\n--{boundary}").as_bytes()).into_iter();
    parts.next()?;
    let mut fields = Vec::new();
    for part in parts {
        if part.starts_with(b"--") {
            return Some(fields);
        }
        fields.push(field(part.strip_prefix(b"\r\n")?)?);
    }
    // The end is missing.
    None
}

fn field(part: &[u8]) -> Option<Field> {
    let end = part.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&part[..end]).ok()?;
    let is_disposition =
        |line: &&str| line.to_ascii_lowercase().starts_with("content-disposition: form-data");
    let disposition = head.split("\r\n").find(is_disposition)?;
    Some(Field {
        name: parameter(disposition, "name")?,
        file: parameter(disposition, "filename"),
        value: part[end + 4..].to_vec(),
    })
}

fn parameter(text: &str, name: &str) -> Option<String> {
    let value_of = |part: &str| {
        let (known, value) = part.trim().split_once('=')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim_matches('"').to_owned())
    };
    text.split(';').find_map(value_of)
}

fn split<'a>(mut bytes: &'a [u8], at: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(found) = bytes.windows(at.len()).position(|part| part == at) {
        parts.push(&bytes[..found]);
        bytes = &bytes[found + at.len()..];
    }
    parts.push(bytes);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "--x-1\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na kite\r\n--of\r\n--x-1\r\n\
                        Content-Disposition: form-data; name=\"none\"; filename=\"\"\r\nContent-Type: \
                        application/octet-stream\r\n\r\n\r\n--x-1--\r\n";

    #[test]
    fn fields_reads_a_form() {
        let fields = fields("multipart/form-data; boundary=x-1", FORM.as_bytes()).unwrap();
        let prompt = Field { name: "prompt".into(), file: None, value: b"a kite\r\n--of".to_vec() };
        let none = Field { name: "none".into(), file: Some(String::new()), value: Vec::new() };
        assert_eq!(fields, [prompt, none]);
    }

    #[test]
    fn fields_refuses_an_incomplete_form() {
        let half = &FORM.as_bytes()[..FORM.len() / 2];
        assert_eq!(fields("multipart/form-data; boundary=x-1", half), None);
        assert_eq!(fields("multipart/form-data; boundary=other", FORM.as_bytes()), None);
        assert_eq!(fields("multipart/form-data", FORM.as_bytes()), None);
        assert_eq!(fields("application/x-www-form-urlencoded; boundary=x-1", FORM.as_bytes()), None);
    }
}
