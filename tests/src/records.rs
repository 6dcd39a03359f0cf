//! What the local cloud wrote down: the calls to AWS, and the functions' log lines.

use std::path::Path;

use serde_json::Value;

use crate::cloud::Cloud;

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

impl Cloud {
    /// Every call to AWS so far, each as the launcher wrote it.
    #[must_use]
    pub fn calls(&self) -> Vec<Value> {
        // The last line may be half written.
        lines(&self.data.join("requests.jsonl"))
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// How many calls to AWS there are so far, for [`Self::calls_of`].
    #[must_use]
    pub fn calls_so_far(&self) -> usize {
        let log = std::fs::read(self.data.join("requests.jsonl")).unwrap_or_default();
        log.iter().filter(|byte| **byte == b'\n').count()
    }

    /// The actions that a function has called since there were `seen` calls.
    #[must_use]
    pub fn calls_of(&self, folder: &str, seen: usize) -> Vec<String> {
        let ending = format!("/{}", self.function(folder));
        let mine = |call: &Value| call["principal"].as_str().is_some_and(|own| own.ends_with(&ending));
        let lines = lines(&self.data.join("requests.jsonl"));
        // The others are not worth the time that reading their JSON takes.
        let lines = lines.iter().skip(seen).filter(|line| line.contains(&ending));
        let calls = lines.filter_map(|line| serde_json::from_str(line).ok()).filter(mine);
        calls.map(|call| call["action"].as_str().unwrap().to_owned()).collect()
    }

    /// Every log line of a function.
    #[must_use]
    pub fn log(&self, folder: &str) -> Vec<String> {
        lines(&self.data.join("logs").join(format!("{folder}.log")))
    }

    /// The log lines of a function that say `message` about `job`.
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
