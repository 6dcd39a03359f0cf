//! What the API says, as far as the client verbs look at it. What they do not look at stays in `rest`
//! and is passed on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the API says of a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    pub(crate) job_id: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) progress: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<JobError>,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) images: Vec<Image>,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

/// One image of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) url: String,
    pub(crate) format: String,
    pub(crate) hash: String,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

/// Why there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobError {
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

impl Job {
    /// Whether nothing will change any more.
    pub(crate) fn ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "cancelled")
    }

    /// Whether it has images.
    pub(crate) fn completed(&self) -> bool {
        self.status == "completed"
    }

    pub(crate) fn images(&self) -> &[Image] {
        self.result.as_ref().map(|result| result.images.as_slice()).unwrap_or_default()
    }

    /// What its images cost, in millionths of a US dollar.
    pub(crate) fn cost_micros(&self) -> u64 {
        let cost = self.result.as_ref().and_then(|result| result.rest["totalCost"].as_f64());
        (cost.unwrap_or_default() * 1e6).round() as u64
    }

    /// How it ended, or stands, for a person.
    pub(crate) fn story(&self) -> String {
        let why = self.error.as_ref().map(|error| format!(": {} ({})", error.message, error.code));
        format!("{}{}", self.status, why.unwrap_or_default())
    }
}

/// Some jobs, the newest first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    pub(crate) jobs: Vec<Job>,
    pub(crate) next_cursor: Option<String>,
}

/// The answer to a turn of a chat.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Turn {
    pub(crate) session_id: String,
    pub(crate) chat_response: Reply,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image_generation_job: Option<Job>,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

/// What was replied.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) content: String,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

/// A batch, just accepted or as it stands: its jobs in the order in which they were handed in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Batch {
    pub(crate) batch_id: String,
    pub(crate) jobs: Vec<Job>,
}

/// How many jobs ended how.
pub(crate) fn count<'a>(jobs: impl Iterator<Item = &'a Job>) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for job in jobs {
        *counts.entry(&job.status).or_default() += 1;
    }
    let parts: Vec<_> = counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(text: &str) -> Job {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_job_passes_on_what_it_does_not_know() {
        let shown =
            serde_json::to_value(job(r#"{"jobId":"1","status":"queued","progress":7,"provider":"sandbox"}"#));
        let shown = shown.unwrap();
        assert_eq!((&shown["provider"], &shown["progress"]), (&"sandbox".into(), &7.into()));
    }

    #[test]
    fn a_cost_is_what_the_api_says_to_the_millionth() {
        let cost = |result| job(&format!(r#"{{"jobId":"1","status":"completed"{result}}}"#)).cost_micros();
        assert_eq!(cost(r#","result":{"images":[],"totalCost":0.052681}"#), 52_681);
        assert_eq!(cost(r#","result":{"images":[],"totalCost":0.0}"#), 0);
        assert_eq!(cost(""), 0);
    }

    #[test]
    fn jobs_are_counted_by_how_they_stand() {
        let jobs = ["failed", "completed", "completed"].map(|status| {
            let job = job(&format!(r#"{{"jobId":"1","status":"{status}"}}"#));
            assert!(job.ended());
            job
        });
        assert_eq!(count(jobs.iter()), "2 completed, 1 failed");
    }
}
