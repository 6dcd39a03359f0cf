//! The sample events in `events/`, and the records that they refer to.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use domain::access::{ApiKey, KeyRecord, Scope};
use domain::chat::{Message, RecentMessages, Role, Session};
use domain::{Job, MessageId, Timestamp};

/// The API key in the sample events. It is not a real secret.
pub const SAMPLE_KEY: &str = "sk_0190b8a0000070008000000000005a3ethis-is-the-key-of-the-sample-events-only-0";
pub const SAMPLE_JOB: &str = "0190b8a0-0000-7000-8000-00000000000a";
pub const SAMPLE_SESSION: &str = "0190b8a0-0000-7000-8000-00000000000c";
const SAMPLE_USER: &str = "0190b8a0-0000-7000-8000-000000000001";
pub const SAMPLE_BATCH: &str = "0190b8a0-0000-7000-8000-000000000100";
pub const SAMPLE_WEBHOOK: &str = "0190b8a0-0000-7000-8000-00000000000b";

fn folder(function: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../events").join(function)
}

/// Returns the text of one sample event, for example of the function `health` and the file `get.json`.
#[must_use]
pub fn event(function: &str, file: &str) -> String {
    let path = folder(function).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the file names of a function's sample events, sorted. A test that replays the events uses the list
/// to show that it replays all of them.
#[must_use]
pub fn event_names(function: &str) -> Vec<String> {
    let files = fs::read_dir(folder(function)).expect("every function has sample events");
    let mut names: Vec<_> =
        files.map(|file| file.expect("a file").file_name().into_string().expect("a plain name")).collect();
    names.sort();
    names
}

/// Returns the record of [`SAMPLE_KEY`], for client `acme`.
#[must_use]
pub fn sample_key() -> KeyRecord {
    let key: ApiKey = SAMPLE_KEY.parse().expect("a key");
    KeyRecord {
        id: key.id(),
        hash: key.hash(),
        client_id: "acme".parse().expect("a client"),
        name: "samples".into(),
        scopes: vec![Scope::Chat, Scope::ImagesWrite, Scope::ImagesRead],
        created_at: Timestamp::from_millis(0),
        expires_at: None,
        revoked_at: None,
    }
}

/// Returns the job [`SAMPLE_JOB`] of client `acme`, just accepted.
#[must_use]
pub fn sample_job() -> Job {
    let mut job = crate::job("a lighthouse at dusk", Timestamp::now());
    job.id = SAMPLE_JOB.parse().expect("an id");
    job
}

/// Returns the chat session [`SAMPLE_SESSION`] of client `acme`, with one turn.
#[must_use]
pub fn sample_session() -> RecentMessages {
    let now = Timestamp::now();
    let expires_at = now + Duration::from_secs(3600);
    let message = |role, text: &str| Message {
        id: MessageId::new(),
        role,
        content: text.to_owned().try_into().expect("a text"),
        timestamp: now,
        job_id: None,
        expires_at,
    };
    RecentMessages {
        session: Session {
            id: SAMPLE_SESSION.parse().expect("an id"),
            client_id: "acme".parse().expect("a client"),
            user_id: SAMPLE_USER.parse().expect("an id"),
            created_at: now,
            expires_at,
        },
        messages: vec![message(Role::User, "a lighthouse at dusk"), message(Role::Assistant, "a fine sight")],
    }
}
