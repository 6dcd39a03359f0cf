//! The query of `GET /images/jobs`.

use crate::api::images::job_response::{JobStatusResponse, states};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::jobs::Job;
use domain::{Error, FieldError, JobId, JobStatus, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// How many jobs a page has, if nobody says.
const DEFAULT_LIMIT: u8 = 20;
/// The most that a page may have.
const LIMIT: u8 = 100;

/// Which jobs are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// For whom.
    pub user: Option<UserId>,
    /// How they stand.
    pub status: Option<JobStatus>,
    /// How many.
    pub limit: u8,
    /// After which one.
    pub after: Option<JobId>,
}

/// What names the page after `job`.
#[must_use]
pub(crate) fn cursor(job: JobId) -> String {
    URL_SAFE_NO_PAD.encode(job.uuid().as_bytes())
}

fn after(cursor: &str) -> Option<JobId> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    Some(JobId::from_uuid(Uuid::from_slice(&bytes).ok()?))
}

/// What is asked for, by the query's parameters.
///
/// # Errors
///
/// [`Error::Invalid`] with every fault.
pub fn parse<'a>(parameter: impl Fn(&str) -> Option<&'a str>) -> Result<ListQuery, Error> {
    let mut faults = Vec::new();
    let mut fault = |path: &str, message: String| faults.push(FieldError::new(path, message));
    let user = parameter("userId").and_then(|text| {
        text.parse().map_err(|error: domain::primitives::NotAnId| fault("userId", error.to_string())).ok()
    });
    let status = parameter("status").and_then(|text| {
        let status = JobStatus::ALL.into_iter().find(|status| status.as_str() == text);
        if status.is_none() {
            let words = JobStatus::ALL.map(JobStatus::as_str).join(", ");
            fault("status", format!("must be one of {words}"));
        }
        status
    });
    let limit = parameter("limit").map_or(Some(DEFAULT_LIMIT), |text| {
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT).contains(limit));
        if limit.is_none() {
            fault("limit", format!("must be a whole number from 1 to {LIMIT}"));
        }
        limit
    });
    let after = parameter("cursor").and_then(|text| {
        let after = after(text);
        if after.is_none() {
            fault("cursor", "must be the nextCursor of an earlier page".into());
        }
        after
    });
    match limit {
        Some(limit) if faults.is_empty() => Ok(ListQuery { user, status, limit, after }),
        Some(_) | None => Err(Error::Invalid(faults)),
    }
}

/// Some of a caller's jobs.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobListResponse {
    /// The newest first.
    jobs: Vec<JobStatusResponse>,
    /// Where the next page begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl JobListResponse {
    /// The jobs in this order, and the job after which the next page begins.
    #[must_use]
    pub fn new(jobs: &[Job], next: Option<JobId>, images_url: &str) -> Self {
        Self { jobs: states(jobs, images_url), next_cursor: next.map(crate::api::images::list::cursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(query: &[(&str, &'static str)]) -> Result<ListQuery, Error> {
        parse(|name| query.iter().find(|(own, _)| *own == name).map(|(_, value)| *value))
    }

    #[test]
    fn nothing_need_be_said() {
        let all = ListQuery { user: None, status: None, limit: 20, after: None };
        assert_eq!(read(&[("other", "1")]).unwrap(), all);
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let bad = [("userId", "me"), ("status", "done"), ("limit", "0"), ("cursor", "?")];
        let Err(Error::Invalid(faults)) = read(&bad) else { panic!("no faults") };
        let paths: Vec<_> = faults.into_iter().map(|fault| fault.path).collect();
        assert_eq!(paths, ["userId", "status", "limit", "cursor"]);
        for limit in ["", "101", "-1", "1.0", "300", "x"] {
            assert!(read(&[("limit", limit)]).is_err(), "{limit}");
        }
        assert!(read(&[("cursor", "")]).is_err());
    }

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_job(bits in any::<u128>()) {
            let job = JobId::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(after(&cursor(job)), Some(job));
        }

        #[test]
        fn no_cursor_makes_it_panic(text in ".{0,40}") {
            prop_assert!(after(&text).is_none_or(|job| cursor(job) == text));
        }
    }
}
