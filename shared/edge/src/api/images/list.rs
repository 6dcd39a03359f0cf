//! The query of `GET /images/jobs`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::jobs::Job;
use domain::{Error, FieldError, JobId, JobStatus, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::api::images::job_response::{JobStatusResponse, states};

/// The default number of jobs of a page.
const DEFAULT_LIMIT: u8 = 20;
/// The maximum number of jobs of a page.
const LIMIT: u8 = 100;

/// The filters and the page of a job list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    pub user: Option<UserId>,
    pub status: Option<JobStatus>,
    pub limit: u8,
    /// The page begins after this job.
    pub after: Option<JobId>,
}

/// Returns the cursor of the page after `job`.
#[must_use]
pub(crate) fn cursor(job: JobId) -> String {
    URL_SAFE_NO_PAD.encode(job.uuid().as_bytes())
}

fn after(cursor: &str) -> Option<JobId> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    Some(JobId::from_uuid(Uuid::from_slice(&bytes).ok()?))
}

/// Parses the query parameters.
///
/// # Errors
///
/// [`Error::Invalid`] with all field errors.
pub fn parse<'a>(parameter: impl Fn(&str) -> Option<&'a str>) -> Result<ListQuery, Error> {
    let mut field_errors = Vec::new();
    let mut add_error = |path: &str, message: String| field_errors.push(FieldError::new(path, message));
    let user = parameter("userId").and_then(|text| {
        text.parse().map_err(|error: domain::primitives::NotAnId| add_error("userId", error.to_string())).ok()
    });
    let status = parameter("status").and_then(|text| {
        let status = JobStatus::ALL.into_iter().find(|status| status.as_str() == text);
        if status.is_none() {
            let names = JobStatus::ALL.map(JobStatus::as_str).join(", ");
            add_error("status", format!("must be one of {names}"));
        }
        status
    });
    let limit = parameter("limit").map_or(Some(DEFAULT_LIMIT), |text| {
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT).contains(limit));
        if limit.is_none() {
            add_error("limit", format!("must be a whole number from 1 to {LIMIT}"));
        }
        limit
    });
    let after = parameter("cursor").and_then(|text| {
        let after = after(text);
        if after.is_none() {
            add_error("cursor", "must be the nextCursor of an earlier page".into());
        }
        after
    });
    match limit {
        Some(limit) if field_errors.is_empty() => Ok(ListQuery { user, status, limit, after }),
        Some(_) | None => Err(Error::Invalid(field_errors)),
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
    /// Creates the response with `jobs` in this order. The next page begins after the job `next`.
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
    fn query_without_parameters_gets_defaults() {
        let all = ListQuery { user: None, status: None, limit: 20, after: None };
        assert_eq!(read(&[("other", "1")]).unwrap(), all);
    }

    #[test]
    fn all_field_errors_are_reported() {
        let bad = [("userId", "me"), ("status", "done"), ("limit", "0"), ("cursor", "?")];
        let Err(Error::Invalid(field_errors)) = read(&bad) else { panic!("no field errors") };
        let paths: Vec<_> = field_errors.into_iter().map(|error| error.path).collect();
        assert_eq!(paths, ["userId", "status", "limit", "cursor"]);
        for limit in ["", "101", "-1", "1.0", "300", "x"] {
            assert!(read(&[("limit", limit)]).is_err(), "{limit}");
        }
        assert!(read(&[("cursor", "")]).is_err());
    }

    proptest! {
        #[test]
        fn cursor_round_trips(bits in any::<u128>()) {
            let job = JobId::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(after(&cursor(job)), Some(job));
        }

        #[test]
        fn cursor_parser_never_panics(text in ".{0,40}") {
            prop_assert!(after(&text).is_none_or(|job| cursor(job) == text));
        }
    }
}
