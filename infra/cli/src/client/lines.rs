//! The jobs in a file of JSON lines.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The most jobs of a batch.
const MOST: usize = 100;
/// The most bytes that the jobs of a batch may have together; a body may have 256 KiB.
const BYTES: usize = 240 * 1024;

/// One job, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) job: Value,
}

impl Line {
    pub(crate) fn name(&self) -> String {
        format!("line {}", self.number)
    }
}

/// The jobs of `file`; `-` is the standard input.
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
    let (mut lines, mut faults) = (Vec::new(), Vec::new());
    let all = text.trim_start_matches('\u{feff}').lines().enumerate();
    for (number, line) in
        all.map(|(index, line)| (index + 1, line.trim())).filter(|(_, line)| !line.is_empty())
    {
        match serde_json::from_str(line) {
            Ok(_) if line.len() > BYTES => faults.push(format!("line {number}: is too long for a job")),
            Ok(job @ Value::Object(_)) => lines.push(Line { number, job }),
            Ok(_) => faults
                .push(format!("line {number}: must be a JSON object, such as {{\"prompt\": \"a kite\"}}")),
            Err(error) => {
                let column = error.column();
                faults
                    .push(format!("line {number}: must be a JSON object; it breaks off at column {column}"));
            }
        }
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    if lines.is_empty() {
        bail!("there is no job in the file: each line is one, such as {{\"prompt\": \"a kite\"}}");
    }
    Ok(lines)
}

/// The lines in groups that each fit into a batch.
pub(crate) fn chunks(lines: &[Line]) -> Vec<&[Line]> {
    let (mut chunks, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, line) in lines.iter().enumerate() {
        let size = line.job.to_string().len() + 1;
        if at > start && (at - start == MOST || bytes + size > BYTES) {
            chunks.push(&lines[start..at]);
            (start, bytes) = (at, 0);
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
    fn a_line_is_a_job_and_blank_ones_are_none() {
        let lines = parse("{\"prompt\": \"a\"}\r\n\n  {\"prompt\": \"b\"}  \n").unwrap();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(lines[1].job["prompt"], "b");
        assert!(parse("").is_err() && parse("\n \n").is_err());
    }

    #[test]
    fn every_bad_line_is_named() {
        let said = parse("{}\n{\"prompt\": \nx\n[]\n").unwrap_err().to_string();
        let numbers: Vec<_> = said.lines().map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!(numbers, ["line 2", "line 3", "line 4"]);
    }

    #[test]
    fn groups_are_as_large_as_a_batch_may_be() {
        let sizes = |lines: &[Line]| chunks(lines).iter().map(|chunk| chunk.len()).collect::<Vec<_>>();
        let line = |size: usize| Line { number: 1, job: serde_json::json!({"prompt": "x".repeat(size)}) };
        assert_eq!(sizes(&vec![line(1); 250]), [100, 100, 50]);
        assert_eq!(sizes(&vec![line(1); 100]), [100]);
        assert_eq!(sizes(&vec![line(100_000); 5]), [2, 2, 1]);
    }
}
