//! The jobs of a batch file, one JSON object per line.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use domain::UserId;
use domain::error::FieldError;
use domain::jobs::{BATCH_LIMIT, WebhookUrlPolicy};
use serde_json::{Value, json};

/// The maximum size of a batch's jobs together, below the API's limit of 256 KiB for a body.
const MAX_BYTES: usize = 240 * 1024;

/// A job and its line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) job: Value,
}

impl Line {
    pub(crate) fn label(&self) -> String {
        format!("line {}", self.number)
    }
}

/// Reads the jobs of `file`, or of the standard input if the file is `-`.
pub(crate) fn read(file: &Path) -> Result<Vec<Line>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).context("cannot read the standard input")?;
    } else {
        bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let text = String::from_utf8(bytes).context("the file is not UTF-8")?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Line>> {
    let (mut lines, mut errors) = (Vec::new(), Vec::new());
    let all = text.trim_start_matches('\u{feff}').lines().enumerate();
    for (number, line) in
        all.map(|(index, line)| (index + 1, line.trim())).filter(|(_, line)| !line.is_empty())
    {
        match serde_json::from_str(line) {
            Ok(_) if line.len() > MAX_BYTES => errors.push(format!("line {number}: is too large for a job")),
            Ok(job @ Value::Object(_)) => {
                errors.extend(field_errors(&job).into_iter().map(|error| format!("line {number}: {error}")));
                lines.push(Line { number, job });
            }
            Ok(_) => errors
                .push(format!("line {number}: must be a JSON object, such as {{\"prompt\": \"a kite\"}}")),
            Err(error) => {
                let column = error.column();
                errors.push(format!(
                    "line {number}: must be a JSON object; the JSON is invalid at column {column}"
                ));
            }
        }
    }
    if !errors.is_empty() {
        bail!("{}", errors.join("\n"));
    }
    if lines.is_empty() {
        bail!("there is no job in the file: each line must be a job, such as {{\"prompt\": \"a kite\"}}");
    }
    Ok(lines)
}

/// What the API would refuse in a job, found with its own code. The API checks one batch after the other; here
/// the errors of all lines are known before the first job is accepted.
fn field_errors(job: &Value) -> Vec<String> {
    let body = json!({ "userId": UserId::new(), "jobs": [job] }).to_string();
    match edge::api::images::batch::parse(body.as_bytes(), WebhookUrlPolicy::AllowLoopbackHttp) {
        Ok(_) => Vec::new(),
        Err(domain::Error::Invalid(errors)) => errors
            .into_iter()
            .map(|FieldError { path, message }| {
                let path = path.strip_prefix("jobs[0]").unwrap_or(&path).trim_start_matches('.');
                if path.is_empty() { message } else { format!("{path}: {message}") }
            })
            .collect(),
        Err(other) => vec![other.to_string()],
    }
}

/// The numbers of the lines that have a field which the API ignores in a batch.
pub(crate) fn lines_with(lines: &[Line], field: &str) -> Vec<String> {
    lines.iter().filter(|line| line.job.get(field).is_some()).map(|line| line.number.to_string()).collect()
}

/// Splits the lines into groups that each fit into a batch.
pub(crate) fn chunks(lines: &[Line]) -> Vec<&[Line]> {
    let (mut chunks, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (index, line) in lines.iter().enumerate() {
        let size = line.job.to_string().len() + 1;
        if index > start && (index - start == usize::from(BATCH_LIMIT) || bytes + size > MAX_BYTES) {
            chunks.push(&lines[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    chunks.push(&lines[start..]);
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_skips_blank_lines() {
        let lines = parse("{\"prompt\": \"a\"}\r\n\n  {\"prompt\": \"b\"}  \n").unwrap();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(lines[1].job["prompt"], "b");
        assert!(parse("").is_err() && parse("\n \n").is_err());
    }

    #[test]
    fn parse_error_names_every_invalid_line_and_field() {
        let good = "{\"prompt\": \"a\"}\n".repeat(150);
        let bad = "{}\n{\"prompt\": \nx\n[]\n{\"prompt\": \"a\", \"count\": 9, \"size\": \"1x1\"}\n";
        let message = parse(&format!("{good}{bad}")).unwrap_err().to_string();
        let starts: Vec<_> =
            message.lines().map(|line| line.split(':').take(2).collect::<String>()).collect();
        let syntax = " must be a JSON object; the JSON is invalid at column";
        assert_eq!(starts[0], "line 151 prompt");
        assert!(starts[1].starts_with(&format!("line 152{syntax}")), "{message}");
        assert!(starts[2].starts_with(&format!("line 153{syntax}")), "{message}");
        assert!(starts[3].starts_with("line 154 must be a JSON object"), "{message}");
        assert_eq!(starts[4..], ["line 155 size", "line 155 count"]);
    }

    #[test]
    fn lines_with_a_webhook_are_known() {
        let lines =
            parse("{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"webhookUrl\": \"https://a/h\"}").unwrap();
        assert_eq!(lines_with(&lines, "webhookUrl"), ["2"]);
    }

    #[test]
    fn chunks_are_as_large_as_a_batch_allows() {
        let sizes = |lines: &[Line]| chunks(lines).iter().map(|chunk| chunk.len()).collect::<Vec<_>>();
        let line = |size: usize| Line { number: 1, job: serde_json::json!({"prompt": "x".repeat(size)}) };
        assert_eq!(sizes(&vec![line(1); 250]), [100, 100, 50]);
        assert_eq!(sizes(&vec![line(1); 100]), [100]);
        assert_eq!(sizes(&vec![line(100_000); 5]), [2, 2, 1]);
    }
}
