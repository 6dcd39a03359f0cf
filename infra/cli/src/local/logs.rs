//! `semantest logs`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::time::sleep;

use super::Folder;
use crate::cli;

/// How often it looks for new lines.
const BETWEEN: Duration = Duration::from_millis(300);

/// Prints the functions' lines, by their times, and goes on with new ones if told to.
pub(crate) async fn run(args: cli::Logs) -> Result<()> {
    let folder = Folder::at(&args.place.data)?.join("logs");
    let mut tails = Tails { folder, only: args.function.clone(), read: BTreeMap::new() };
    if let Some(function) = &args.function
        && !args.follow
        && !tails.files().iter().any(|path| function_of(path) == function)
    {
        let known: Vec<_> = tails.all().iter().map(|path| function_of(path).to_owned()).collect();
        bail!("there is no log of {function}; there are those of: {}", known.join(", "));
    }
    loop {
        let mut lines = tails.new_lines()?;
        lines.sort_by_cached_key(|line| time(line));
        if !print(&lines)? || !args.follow {
            return Ok(());
        }
        sleep(BETWEEN).await;
    }
}

/// Whether somebody still reads what is printed.
fn print(lines: &[String]) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    let written = lines.iter().try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush());
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot print"),
    }
}

/// What a line says of its time; what is no line of ours comes first.
fn time(line: &str) -> Option<String> {
    let fields: Value = serde_json::from_str(line).ok()?;
    fields["timestamp"].as_str().map(str::to_owned)
}

fn function_of(path: &Path) -> &str {
    path.file_stem().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The files of logs, and how far each was read.
struct Tails {
    folder: PathBuf,
    only: Option<String>,
    read: BTreeMap<PathBuf, u64>,
}

impl Tails {
    /// The files that are there now: a function has one once it has run.
    fn all(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "log"))
            .collect();
        files.sort();
        files
    }

    fn files(&self) -> Vec<PathBuf> {
        let wanted = |path: &PathBuf| self.only.as_deref().is_none_or(|only| function_of(path) == only);
        self.all().into_iter().filter(wanted).collect()
    }

    /// Whole lines that were written since the last time.
    fn new_lines(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for path in self.files() {
            let from = self.read.entry(path.clone()).or_default();
            let read = || -> std::io::Result<Vec<u8>> {
                let mut file = File::open(&path)?;
                file.seek(SeekFrom::Start(*from))?;
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                Ok(bytes)
            };
            let bytes = read().with_context(|| format!("cannot read {}", path.display()))?;
            // The last line may be half written.
            let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            *from += end as u64;
            lines.extend(String::from_utf8_lossy(&bytes[..end]).lines().map(str::to_owned));
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_read_once_and_whole() {
        let folder = std::env::temp_dir().join(domain::UserId::new().to_string());
        fs::create_dir_all(&folder).unwrap();
        let mut tails = Tails { folder: folder.clone(), only: None, read: BTreeMap::new() };
        assert!(tails.new_lines().unwrap().is_empty());
        let mut file = File::create(folder.join("health.log")).unwrap();
        write!(file, "one\ntw").unwrap();
        assert_eq!(tails.new_lines().unwrap(), ["one"]);
        write!(file, "o\nthree\n").unwrap();
        fs::write(folder.join("other.log"), "four\n").unwrap();
        assert_eq!(tails.new_lines().unwrap(), ["two", "three", "four"]);
        assert!(tails.new_lines().unwrap().is_empty());
        tails.only = Some("other".into());
        assert_eq!(tails.files(), [folder.join("other.log")]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn lines_know_their_time() {
        assert_eq!(time(r#"{"timestamp":"2026"}"#).as_deref(), Some("2026"));
        assert!(time("panicked").is_none() && time("{}").is_none());
    }
}
