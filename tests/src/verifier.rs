//! Verifies webhooks with the unchanged public Standard Webhooks libraries, as customers do. They contain
//! none of the sender's code.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use standardwebhooks::{Webhook, WebhookError};

use crate::cloud::workspace;
use crate::receiver::Arrived;

const REQUIREMENTS: &str = include_str!("../requirements.txt");

const DOCS: &str = include_str!("../../docs/webhooks.md");

/// Calls the Python lines of docs/webhooks.md, which are put before this text.
const CALL: &str = r#"
import sys
webhook = Webhook(sys.argv[1])
id, timestamp, signature = sys.argv[2:5]
headers = {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature}
sys.exit({204: 0, 401: 41}[receive(sys.stdin.buffer.read(), headers)])
"#;

/// The exit status of [`CALL`] for a webhook that is refused. Python's own for an error is 1.
const REFUSED: i32 = 41;

/// The example in docs/webhooks.md for a language.
fn shown(language: &str) -> &'static str {
    let (_, after) = DOCS.split_once(&format!("```{language}\n")).unwrap();
    after.split_once("```").unwrap().0
}

/// Whether the Python and the Rust library both accept this webhook.
///
/// # Panics
///
/// If the two libraries disagree.
#[must_use]
pub fn accepted(secret: &str, webhook: &Arrived) -> bool {
    let python = in_python(secret, webhook);
    assert_eq!(python, in_rust(secret, webhook), "{webhook:?}");
    python
}

fn in_rust(secret: &str, webhook: &Arrived) -> bool {
    let headers = [
        ("webhook-id", &webhook.id),
        ("webhook-timestamp", &webhook.timestamp),
        ("webhook-signature", &webhook.signature),
    ];
    let headers =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    receive(secret, &webhook.bytes, &headers).is_ok()
}

// Parse the body only after this.
fn receive(secret: &str, body: &[u8], headers: &http::HeaderMap) -> Result<(), WebhookError> {
    Webhook::new(secret)?.verify(body, headers)
}

#[test]
fn rust_verifier_lines_equal_the_docs() {
    let ours = include_str!("verifier.rs");
    for part in shown("rust").split("\n\n") {
        assert!(ours.contains(part.trim()), "not what is run here: {part}");
    }
}

fn in_python(secret: &str, webhook: &Arrived) -> bool {
    let mut python = Command::new("python3")
        .arg("-c")
        .arg(shown("python").replace("whsec_…", "whsec_AAAA") + CALL)
        .args([secret, &webhook.id, &webhook.timestamp, &webhook.signature])
        .env("PYTHONIOENCODING", "utf-8")
        .stdout(Stdio::null())
        .env("PYTHONPATH", library())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(&webhook.bytes).unwrap();
    let output = python.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || output.status.code() == Some(REFUSED), "{said}");
    output.status.success()
}

/// The folder of the Python library. It is installed once, with the emulator's Python, which has pip.
fn library() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = workspace().join(".semantest/verifier");
        // Written last, so that an interrupted installation is repeated.
        let marker = folder.join("requirements.txt");
        if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == REQUIREMENTS) {
            return folder;
        }
        let _ = std::fs::remove_dir_all(&folder);
        let mut pip = Command::new(workspace().join(".semantest/venv/bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--require-hashes", "--no-deps", "--target"]).arg(&folder).arg("-r");
        pip.arg(workspace().join("tests/requirements.txt"));
        assert!(pip.status().unwrap().success(), "pip could not install the verifier");
        std::fs::write(marker, REQUIREMENTS).unwrap();
        folder
    })
}
