//! `semantest logs`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::time::sleep;

use crate::cli;
use crate::local::DataFolder;
use crate::output;

/// The time between two reads of the files.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// Prints the functions' log lines by their time, and with `--follow` also new ones.
pub(crate) async fn run(args: cli::Logs) -> Result<()> {
    let folder = DataFolder::at(&args.local.data)?.join("logs");
    let mut logs = LogFiles { folder, function: args.function.clone(), offsets: BTreeMap::new() };
    if let Some(function) = &args.function
        && !args.follow
        && !logs.files().iter().any(|path| function_of(path) == function)
    {
        let known: Vec<_> = logs.all().iter().map(|path| function_of(path).to_owned()).collect();
        bail!("there is no log of {function}; there are logs of: {}", known.join(", "));
    }
    if !args.follow && logs.files().is_empty() {
        output::note("no logs");
    }
    loop {
        let mut lines = logs.new_lines()?;
        lines.sort_by_cached_key(|line| timestamp(line));
        if !lines.is_empty() {
            output::line(lines.join("\n"));
        }
        if !args.follow {
            return Ok(());
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// The `timestamp` of a line. Lines that are not JSON, such as panics, have none and are sorted first.
fn timestamp(line: &str) -> Option<String> {
    let fields: Value = serde_json::from_str(line).ok()?;
    fields["timestamp"].as_str().map(str::to_owned)
}

fn function_of(path: &Path) -> &str {
    path.file_stem().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The log files of the functions, and how many bytes of each were read.
struct LogFiles {
    folder: PathBuf,
    function: Option<String>,
    offsets: BTreeMap<PathBuf, u64>,
}

impl LogFiles {
    /// The files of all functions that have run.
    fn all(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .collect();
        files.sort();
        files
    }

    fn files(&self) -> Vec<PathBuf> {
        let selected =
            |path: &PathBuf| self.function.as_deref().is_none_or(|function| function_of(path) == function);
        self.all().into_iter().filter(selected).collect()
    }

    /// The complete lines that were written since the last call.
    fn new_lines(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for path in self.files() {
            let offset = self.offsets.entry(path.clone()).or_default();
            let read = || -> std::io::Result<Vec<u8>> {
                let mut file = File::open(&path)?;
                file.seek(SeekFrom::Start(*offset))?;
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                Ok(bytes)
            };
            let bytes = read().with_context(|| format!("cannot read {}", path.display()))?;
            // The last line may be incomplete.
            let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            *offset += end as u64;
            lines.extend(String::from_utf8_lossy(&bytes[..end]).lines().map(str::to_owned));
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn new_lines_reads_each_complete_line_once() {
        let folder = std::env::temp_dir().join(domain::UserId::new().to_string());
        fs::create_dir_all(&folder).unwrap();
        let mut logs = LogFiles { folder: folder.clone(), function: None, offsets: BTreeMap::new() };
        assert!(logs.new_lines().unwrap().is_empty());
        let mut file = File::create(folder.join("health.log")).unwrap();
        write!(file, "one\ntw").unwrap();
        assert_eq!(logs.new_lines().unwrap(), ["one"]);
        write!(file, "o\nthree\n").unwrap();
        fs::write(folder.join("other.log"), "four\n").unwrap();
        assert_eq!(logs.new_lines().unwrap(), ["two", "three", "four"]);
        assert!(logs.new_lines().unwrap().is_empty());
        logs.function = Some("other".into());
        assert_eq!(logs.files(), [folder.join("other.log")]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn timestamp_is_none_without_json_field() {
        assert_eq!(timestamp(r#"{"timestamp":"2026"}"#).as_deref(), Some("2026"));
        assert!(timestamp("panicked").is_none() && timestamp("{}").is_none());
    }
}
