//! Reads what the local cloud recorded: the calls to AWS and the functions' log lines.

use std::path::Path;

use serde_json::Value;

use crate::cloud::Cloud;

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

impl Cloud {
    /// Every call to AWS so far, as the launcher recorded it.
    #[must_use]
    pub fn calls(&self) -> Vec<Value> {
        // The last line may be incomplete.
        lines(&self.data.join("requests.jsonl"))
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The number of calls to AWS so far, for [`Self::calls_of`].
    #[must_use]
    pub fn calls_so_far(&self) -> usize {
        let log = std::fs::read(self.data.join("requests.jsonl")).unwrap_or_default();
        log.iter().filter(|byte| **byte == b'\n').count()
    }

    /// The actions that a function called after the first `seen` calls.
    #[must_use]
    pub fn calls_of(&self, folder: &str, seen: usize) -> Vec<String> {
        let ending = format!("/{}", self.function(folder));
        let mine = |call: &Value| call["principal"].as_str().is_some_and(|own| own.ends_with(&ending));
        let lines = lines(&self.data.join("requests.jsonl"));
        // Parsing the lines of all other functions would take too long.
        let lines = lines.iter().skip(seen).filter(|line| line.contains(&ending));
        let calls = lines.filter_map(|line| serde_json::from_str(line).ok()).filter(mine);
        calls.map(|call| call["action"].as_str().unwrap().to_owned()).collect()
    }

    /// Every log line of a function.
    #[must_use]
    pub fn log(&self, folder: &str) -> Vec<String> {
        lines(&self.data.join("logs").join(format!("{folder}.log")))
    }

    /// The log lines of a function with this `message` about `job`.
    #[must_use]
    pub fn log_about(&self, folder: &str, job: &str, message: &str) -> Vec<Value> {
        self.log(folder)
            .iter()
            .filter(|line| line.contains(job))
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["jobId"] == job && line["message"] == message)
            .collect()
    }
}
