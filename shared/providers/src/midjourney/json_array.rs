//! Splits a long JSON array of objects into its elements while it arrives.
//!
//! A proxy that keeps its tasks for weeks has a list of any length, of which only a few tasks are a job's.

/// The longest element, in bytes.
const MAX_ELEMENT: usize = 1024 * 1024;

const NULL: &[u8] = b"null";

/// The text is not a JSON array of objects, or has too long an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidArray;

/// The position in the array.
#[derive(Debug, Default)]
pub(super) struct ArraySplitter {
    started: bool,
    /// How many letters of `null` have arrived, which some servers send for an empty array.
    null: usize,
    /// How many brackets and braces are open.
    depth: usize,
    in_text: bool,
    escaped: bool,
    /// The beginning of an incomplete element.
    element: Vec<u8>,
}

impl ArraySplitter {
    /// Takes the next bytes, and passes each element that they complete to `each`.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), InvalidArray>,
    ) -> Result<(), InvalidArray> {
        for &byte in bytes {
            match (self.depth, byte) {
                (_, b' ' | b'\n' | b'\r' | b'\t') if !self.in_text => {}
                (0, _) if !self.started && NULL.get(self.null) == Some(&byte) => self.null += 1,
                (0, b'[') if !self.started && self.null == 0 => (self.started, self.depth) = (true, 1),
                (1, b'{') => self.push_byte(byte)?,
                (1, b',') => {}
                (1, b']') => self.depth = 0,
                (0 | 1, _) => return Err(InvalidArray),
                _ => self.push_byte(byte)?,
            }
            if self.depth == 1 && !self.element.is_empty() {
                each(&self.element)?;
                self.element.clear();
            }
        }
        Ok(())
    }

    /// Whether the end of the array has arrived.
    pub(super) const fn is_complete(&self) -> bool {
        self.depth == 0 && (self.started || self.null == NULL.len())
    }

    fn push_byte(&mut self, byte: u8) -> Result<(), InvalidArray> {
        if self.element.len() == MAX_ELEMENT {
            return Err(InvalidArray);
        }
        self.element.push(byte);
        if self.in_text {
            self.in_text = self.escaped || byte != b'"';
            self.escaped = byte == b'\\' && !self.escaped;
            return Ok(());
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn elements(text: &str, step: usize) -> Result<Vec<Value>, InvalidArray> {
        let (mut splitter, mut found) = (ArraySplitter::default(), Vec::new());
        for bytes in text.as_bytes().chunks(step) {
            splitter.push(bytes, |element| {
                found.push(serde_json::from_slice(element).map_err(|_| InvalidArray)?);
                Ok(())
            })?;
        }
        if splitter.is_complete() { Ok(found) } else { Err(InvalidArray) }
    }

    #[test]
    fn only_a_complete_array_of_objects_is_valid() {
        for text in [
            "", "{}", "nul", "null[]", "[", "[{}", "[{}]]", "[{}][", "[1]", "[{]}", "[null]", "<html>",
            "[\"a\"]",
        ] {
            assert_eq!(elements(text, 1), Err(InvalidArray), "{text}");
        }
        for text in ["[]", " [ ]\n", "[{}]", "[{},{}]", r#"[{"a\"]}":["}"]}]"#] {
            assert_eq!(elements(text, 1), Ok(serde_json::from_str(text).unwrap()), "{text}");
        }
        assert_eq!(elements(" null ", 1), Ok(Vec::new()));
        let long = json!([{"prompt": "x".repeat(MAX_ELEMENT)}]).to_string();
        assert_eq!(elements(&long, 4096), Err(InvalidArray));
    }

    proptest! {
        #[test]
        fn array_is_split_wherever_the_chunks_end(
            values in prop::collection::vec((".{0,12}", prop::collection::vec(".{0,6}", 0..3), any::<i64>()), 0..6),
            step in 1usize..40,
            pretty: bool,
        ) {
            let values: Vec<_> = values.into_iter().map(|(a, b, c)| json!({a: {"b": b}, "c": c})).collect();
            let text = if pretty { serde_json::to_string_pretty(&values) } else { serde_json::to_string(&values) };
            prop_assert_eq!(elements(&text.unwrap(), step), Ok(values));
        }

        #[test]
        fn no_bytes_panic(text in "[\\[\\]{}\",:\\\\a1 ]{0,40}", step in 1usize..9) {
            if let Ok(found) = elements(&text, step) {
                // Less strict about commas than JSON, and about nothing else.
                prop_assert!(found.iter().all(Value::is_object));
            }
        }
    }
}
