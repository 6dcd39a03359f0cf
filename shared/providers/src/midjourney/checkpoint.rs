//! The checkpoint of a job at Midjourney: all that a later worker knows about it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use domain::providers::ImageTask;
use serde::{Deserialize, Serialize};

/// How far a job has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Checkpoint {
    /// An earlier worker left no checkpoint: the proxy may have a task for this job.
    #[serde(skip)]
    Unknown,
    /// There is no usable task for this job: a new one may be paid for.
    Clear,
    /// A new grid was being submitted: the proxy may have accepted it.
    Asked,
    /// The grid is being drawn.
    Grid {
        /// The proxy's id of the task.
        task: String,
        /// When it was submitted, in Unix ms.
        since: i64,
        /// When it was first seen finished without a usable picture, in Unix ms.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        done: Option<i64>,
        /// When the proxy was first seen not to know it, in Unix ms, unless it knew it again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lost: Option<i64>,
    },
    /// The grid is finished, and its images are being upscaled.
    Upscales(Upscales),
}

/// The upscales of a grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Upscales {
    /// The grid's task.
    pub(super) grid: String,
    /// The task of each submitted image, by its index.
    pub(super) tasks: BTreeMap<u8, String>,
    /// When the grid was finished, in Unix ms.
    pub(super) since: i64,
    /// When the proxy was first seen not to know one of them, in Unix ms, unless it knew it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lost: Option<i64>,
}

impl Checkpoint {
    /// The checkpoint of the task. An unreadable one was not written by this version.
    pub(super) fn of(task: &ImageTask) -> Self {
        match &task.handle {
            Some(text) => match serde_json::from_str(text) {
                Ok(Self::Asked) | Err(_) => Self::Unknown,
                Ok(checkpoint) => checkpoint,
            },
            None if task.attempt > 1 => Self::Unknown,
            None => Self::Clear,
        }
    }

    /// A grid that is submitted now.
    pub(super) fn grid(task: String) -> Self {
        Self::Grid { task, since: Timestamp::now().millis(), done: None, lost: None }
    }

    /// A grid that is finished now, with no image submitted yet.
    pub(super) fn upscales(grid: String) -> Self {
        Self::Upscales(Upscales {
            grid,
            tasks: BTreeMap::new(),
            since: Timestamp::now().millis(),
            lost: None,
        })
    }

    pub(super) fn to_json(&self) -> String {
        // Text, numbers and a map by numbers always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Whether more time than `limit` has passed since `since`, in Unix ms.
pub(super) fn is_over(since: i64, limit: Duration) -> bool {
    Timestamp::now().since(Timestamp::from_millis(since)) > limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoint_is_read_back_or_unknown() {
        let mut task = testkit::image_task(testkit::a_request("a kite").picture);
        assert_eq!(Checkpoint::of(&task), Checkpoint::Clear);
        let tasks = BTreeMap::from([(0, "17".to_owned()), (3, "18".to_owned())]);
        for checkpoint in [
            Checkpoint::Clear,
            Checkpoint::grid("16".to_owned()),
            Checkpoint::Grid { task: "16".to_owned(), since: 5, done: Some(7), lost: Some(6) },
            Checkpoint::Upscales(Upscales { grid: "16".to_owned(), tasks, since: 5, lost: None }),
        ] {
            task.handle = Some(checkpoint.to_json());
            assert_eq!(Checkpoint::of(&task), checkpoint);
        }
        // By a worker that crashed while it submitted, by a later version, or by another provider: nothing is
        // paid for before the proxy's tasks are checked.
        for text in [&Checkpoint::Asked.to_json(), "", "{}", r#"{"video":{"task":"16"}}"#] {
            task.handle = Some(text.to_owned());
            assert_eq!(Checkpoint::of(&task), Checkpoint::Unknown);
        }
        (task.handle, task.attempt) = (None, 2);
        assert_eq!(Checkpoint::of(&task), Checkpoint::Unknown);
    }
}
