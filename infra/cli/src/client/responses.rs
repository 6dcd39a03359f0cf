//! The API's responses: the fields that the commands read. `rest` keeps all other fields, so that `--json`
//! prints them too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    pub(crate) job_id: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) progress: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<JobResult>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<JobError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waiting_for: Option<WaitingFor>,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

/// Why a job is not being worked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WaitingFor {
    pub(crate) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<String>,
    pub(crate) since: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
}

impl WaitingFor {
    /// The reason in words, the provider, and the times.
    pub(crate) fn summary(&self) -> String {
        let reason = match self.reason.as_str() {
            "place" => "waits for a free place",
            "pace" => "waits for the next minute's images",
            "provider_down" => "waits because the provider fails",
            "account" => "waits for the operator to mend the account or settings",
            "retry_after" => "waits as long as the provider asked",
            "backoff" => "waits after a failure",
            other => other,
        };
        let provider = self.provider.as_ref().map(|provider| format!(" at {provider}")).unwrap_or_default();
        let until = self.until.as_ref().map(|until| format!(", next look {until}")).unwrap_or_default();
        format!("{reason}{provider} (since {}{until})", self.since)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobResult {
    pub(crate) images: Vec<Image>,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) url: String,
    pub(crate) format: String,
    pub(crate) hash: String,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobError {
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

impl Job {
    /// Whether the status is final.
    pub(crate) fn ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "cancelled")
    }

    pub(crate) fn completed(&self) -> bool {
        self.status == "completed"
    }

    pub(crate) fn images(&self) -> &[Image] {
        self.result.as_ref().map(|result| result.images.as_slice()).unwrap_or_default()
    }

    /// The total cost of the images, in millionths of a US dollar.
    pub(crate) fn cost_micros(&self) -> u64 {
        let cost = self.result.as_ref().and_then(|result| result.rest["totalCost"].as_f64());
        (cost.unwrap_or_default() * 1e6).round() as u64
    }

    /// The status, the error if the job failed or lacks images, and what it waits for.
    pub(crate) fn summary(&self) -> String {
        let error = self.error.as_ref().map(|error| format!(": {} ({})", error.message, error.code));
        let waiting = self.waiting_for.as_ref().map(|waiting| format!(", {}", waiting.summary()));
        format!("{}{}{}", self.status, error.unwrap_or_default(), waiting.unwrap_or_default())
    }
}

/// One page of a list of jobs, newest first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobPage {
    pub(crate) jobs: Vec<Job>,
    pub(crate) next_cursor: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChatTurn {
    pub(crate) session_id: String,
    pub(crate) chat_response: ChatReply,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image_generation_job: Option<Job>,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ChatReply {
    pub(crate) content: String,
    #[serde(flatten)]
    pub(crate) rest: Value,
}

/// A batch, with its jobs in the order of the request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Batch {
    pub(crate) batch_id: String,
    pub(crate) jobs: Vec<Job>,
}

/// Counts jobs by status, as `2 completed, 1 failed`.
pub(crate) fn count_by_status<'a>(jobs: impl Iterator<Item = &'a Job>) -> String {
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
    fn job_keeps_unknown_fields() {
        let output =
            serde_json::to_value(job(r#"{"jobId":"1","status":"queued","progress":7,"provider":"sandbox"}"#));
        let output = output.unwrap();
        assert_eq!((&output["provider"], &output["progress"]), (&"sandbox".into(), &7.into()));
    }

    #[test]
    fn summary_says_what_is_missing_and_what_the_job_waits_for() {
        let partial = job(r#"{"jobId":"1","status":"completed","result":{"images":[]},
            "error":{"code":"PARTIAL_RESULT","message":"1 of 4 images could not be made"}}"#);
        assert_eq!(partial.summary(), "completed: 1 of 4 images could not be made (PARTIAL_RESULT)");
        let waiting = job(r#"{"jobId":"1","status":"processing",
            "waitingFor":{"reason":"account","provider":"openai","since":"S","until":"U"}}"#);
        let words = "waits for the operator to mend the account or settings at openai (since S, next look U)";
        assert_eq!(waiting.summary(), format!("processing, {words}"));
    }

    #[test]
    fn cost_micros_is_exact_to_the_millionth() {
        let cost = |result| job(&format!(r#"{{"jobId":"1","status":"completed"{result}}}"#)).cost_micros();
        assert_eq!(cost(r#","result":{"images":[],"totalCost":0.052681}"#), 52_681);
        assert_eq!(cost(r#","result":{"images":[],"totalCost":0.0}"#), 0);
        assert_eq!(cost(""), 0);
    }

    #[test]
    fn count_by_status_counts_each_status() {
        let jobs = ["failed", "completed", "completed"].map(|status| {
            let job = job(&format!(r#"{{"jobId":"1","status":"{status}"}}"#));
            assert!(job.ended());
            job
        });
        assert_eq!(count_by_status(jobs.iter()), "2 completed, 1 failed");
    }
}
