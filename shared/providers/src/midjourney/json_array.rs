//! Takes a long list apart while it comes.
//!
//! A proxy that keeps its tasks for weeks has a list of any length, of which a few tasks are a job's.

/// The longest element that is looked at.
const LONGEST: usize = 1024 * 1024;

const NULL: &[u8] = b"null";

/// What came is no list of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoList;

/// Where in a JSON list the next byte stands.
#[derive(Debug, Default)]
pub(super) struct List {
    begun: bool,
    /// How many letters of the `null` have come that some send for an empty list.
    null: usize,
    /// How many brackets and braces are open.
    depth: usize,
    in_text: bool,
    escaped: bool,
    /// What has come of the element that is not whole yet.
    element: Vec<u8>,
}

impl List {
    /// Takes in the next bytes, and gives each element that they complete to `each`.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), NoList>,
    ) -> Result<(), NoList> {
        for &byte in bytes {
            match (self.depth, byte) {
                (_, b' ' | b'\n' | b'\r' | b'\t') if !self.in_text => {}
                (0, _) if !self.begun && NULL.get(self.null) == Some(&byte) => self.null += 1,
                (0, b'[') if !self.begun && self.null == 0 => (self.begun, self.depth) = (true, 1),
                (1, b'{') => self.push(byte)?,
                (1, b',') => {}
                (1, b']') => self.depth = 0,
                (0 | 1, _) => return Err(NoList),
                _ => self.push(byte)?,
            }
            if self.depth == 1 && !self.element.is_empty() {
                each(&self.element)?;
                self.element.clear();
            }
        }
        Ok(())
    }

    /// Whether the end of the list has come.
    pub(super) const fn is_whole(&self) -> bool {
        self.depth == 0 && (self.begun || self.null == NULL.len())
    }

    fn push(&mut self, byte: u8) -> Result<(), NoList> {
        if self.element.len() == LONGEST {
            return Err(NoList);
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

    fn taken(text: &str, step: usize) -> Result<Vec<Value>, NoList> {
        let (mut list, mut found) = (List::default(), Vec::new());
        for bytes in text.as_bytes().chunks(step) {
            list.take(bytes, |element| {
                found.push(serde_json::from_slice(element).map_err(|_| NoList)?);
                Ok(())
            })?;
        }
        if list.is_whole() { Ok(found) } else { Err(NoList) }
    }

    #[test]
    fn what_is_no_whole_list_of_objects_is_told() {
        for text in [
            "", "{}", "nul", "null[]", "[", "[{}", "[{}]]", "[{}][", "[1]", "[{]}", "[null]", "<html>",
            "[\"a\"]",
        ] {
            assert_eq!(taken(text, 1), Err(NoList), "{text}");
        }
        for text in ["[]", " [ ]\n", "[{}]", "[{},{}]", r#"[{"a\"]}":["}"]}]"#] {
            assert_eq!(taken(text, 1), Ok(serde_json::from_str(text).unwrap()), "{text}");
        }
        assert_eq!(taken(" null ", 1), Ok(Vec::new()));
        let long = json!([{"prompt": "x".repeat(LONGEST)}]).to_string();
        assert_eq!(taken(&long, 4096), Err(NoList));
    }

    proptest! {
        #[test]
        fn a_list_is_taken_apart_wherever_it_is_cut(
            values in prop::collection::vec((".{0,12}", prop::collection::vec(".{0,6}", 0..3), any::<i64>()), 0..6),
            step in 1usize..40,
            pretty: bool,
        ) {
            let values: Vec<_> = values.into_iter().map(|(a, b, c)| json!({a: {"b": b}, "c": c})).collect();
            let text = if pretty { serde_json::to_string_pretty(&values) } else { serde_json::to_string(&values) };
            prop_assert_eq!(taken(&text.unwrap(), step), Ok(values));
        }

        #[test]
        fn no_bytes_panic(text in "[\\[\\]{}\",:\\\\a1 ]{0,40}", step in 1usize..9) {
            if let Ok(found) = taken(&text, step) {
                // Less strict about commas than JSON, and about nothing else.
                prop_assert!(found.iter().all(Value::is_object));
            }
        }
    }
}
