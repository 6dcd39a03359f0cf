//! What is noted of a job that Midjourney is at. It is all that a later worker knows.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use domain::provider::ImageTask;
use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Handle {
    /// Somebody was at it before, and has left no word: the proxy may have a task for this job.
    #[serde(skip)]
    Unknown,
    /// There is no task for this job that could still be of use: a new one may be paid for.
    Clear,
    /// The proxy was being asked for a new grid, and may have taken it.
    Asked,
    /// The grid is being drawn.
    Grid {
        /// The proxy's id of the task.
        task: String,
        /// When it was submitted, in milliseconds of the epoch.
        since: i64,
    },
    /// The grid is there, and its pictures are being enlarged.
    Upscales {
        /// The grid's task.
        grid: String,
        /// The task of each picture that was submitted.
        tasks: BTreeMap<u8, String>,
        /// When the grid was there, in milliseconds of the epoch.
        since: i64,
    },
}

impl Handle {
    /// How it stands by what was noted. What cannot be read was noted by nobody we know.
    pub(super) fn of(task: &ImageTask) -> Self {
        match &task.handle {
            Some(note) => match serde_json::from_str(note) {
                Ok(Self::Asked) | Err(_) => Self::Unknown,
                Ok(handle) => handle,
            },
            None if task.attempt > 1 => Self::Unknown,
            None => Self::Clear,
        }
    }

    pub(super) fn grid(task: String) -> Self {
        Self::Grid { task, since: Timestamp::now().millis() }
    }

    pub(super) fn upscales(grid: String) -> Self {
        Self::Upscales { grid, tasks: BTreeMap::new(), since: Timestamp::now().millis() }
    }

    /// What is to be noted.
    pub(super) fn note(&self) -> String {
        // Text, numbers and a map by numbers: nothing of it can fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Whether more time than `limit` has passed since `since`.
pub(super) fn is_over(since: i64, limit: Duration) -> bool {
    Timestamp::now().since(Timestamp::from_millis(since)) > limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_again() {
        let mut task = testkit::image_task(testkit::a_request("a kite").picture);
        assert_eq!(Handle::of(&task), Handle::Clear);
        let tasks = BTreeMap::from([(0, "17".to_owned()), (3, "18".to_owned())]);
        for handle in [
            Handle::Clear,
            Handle::grid("16".to_owned()),
            Handle::Upscales { grid: "16".to_owned(), tasks, since: 5 },
        ] {
            task.handle = Some(handle.note());
            assert_eq!(Handle::of(&task), handle);
        }
        // By one that died while it asked, by a later version, or another one: nothing is paid for before
        // somebody has looked.
        for note in [&Handle::Asked.note(), "", "{}", r#"{"video":{"task":"16"}}"#] {
            task.handle = Some(note.to_owned());
            assert_eq!(Handle::of(&task), Handle::Unknown);
        }
        (task.handle, task.attempt) = (None, 2);
        assert_eq!(Handle::of(&task), Handle::Unknown);
    }
}
