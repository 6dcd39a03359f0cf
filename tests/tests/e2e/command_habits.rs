//! What all commands have in common: the given key, closed pipes, Ctrl-C, and empty lists.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::Arc;

use domain::access::ApiKey;
use semantest_tests::cloud::{Cloud, semantest_command};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Round;
use crate::command_line::{make_key, run, stdout};

/// Every command that uses the API, with arguments that it accepts.
const CLIENT_COMMANDS: [&[&str]; 17] = [
    &["generate", "a kite"],
    &["chat", "good day"],
    &["jobs"],
    &["watch", SOME_ID],
    &["cancel", SOME_ID],
    &["batch", "-"],
    &["keys", "create"],
    &["keys", "list"],
    &["keys", "revoke", SOME_ID],
    &["keys", "rotate", SOME_ID],
    &["webhooks", "list", SOME_ID],
    &["webhooks", "redeliver", SOME_ID, SOME_ID],
    &["webhooks", "disabled"],
    &["webhooks", "enable", "https://example.com/h"],
    &["webhooks", "secret", "show"],
    &["webhooks", "secret", "rotate"],
    &["webhooks", "listen", "--port", "0"],
];
const SOME_ID: &str = "0190b8a0-0000-7000-8000-000000000001";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs the command with this input.
fn with_input(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that reads none may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

async fn blocking<T: Send + 'static>(
    cloud: &Arc<Cloud>,
    work: impl FnOnce(Arc<Cloud>) -> T + Send + 'static,
) -> T {
    let cloud = Arc::clone(cloud);
    tokio::task::spawn_blocking(move || work(cloud)).await.unwrap()
}

/// A command that goes on until it is interrupted.
struct Running {
    child: Child,
    said: BufReader<ChildStderr>,
}

impl Running {
    fn start(cloud: &Cloud, arguments: &[&str], input: &str) -> Self {
        let mut command = semantest_command(&cloud.data);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        Self { child, said }
    }

    /// Reads lines until one has this start, and returns the word after it.
    fn word_after(&mut self, start: &str) -> String {
        let mut line = String::new();
        while self.said.read_line(&mut line).unwrap() > 0 {
            if let Some(rest) = line.strip_prefix(start) {
                return rest.split_whitespace().next().unwrap().to_owned();
            }
            line.clear();
        }
        panic!("it ended before it said {start}");
    }

    /// Sends what Ctrl-C sends. Returns the exit status and what it said then.
    fn interrupt(mut self) -> (Option<i32>, String) {
        let kill = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("commands_use_the_given_key_for_the_local_cloud_too", |cloud| async move {
        let check = |cloud: Arc<Cloud>| {
            let unknown = ApiKey::generate();
            for arguments in CLIENT_COMMANDS {
                let mut flag = semantest_command(&cloud.data);
                flag.args(arguments).args(["--api-key", unknown.expose()]);
                let mut variable = semantest_command(&cloud.data);
                variable.args(arguments).env("SEMANTEST_API_KEY", unknown.expose());
                for command in [flag, variable] {
                    let refused = with_input(command, "{\"prompt\": \"a kite\"}");
                    assert!(text(&refused.stderr).contains("UNAUTHORIZED"), "{arguments:?}: {refused:?}");
                    assert!(!refused.status.success(), "{arguments:?}");
                }
            }
            let key = make_key(&cloud, "given", &["images:read"]);
            let own = run(&cloud.data, &["jobs", "--api-key", &key]);
            assert!(own.status.success() && text(&own.stderr).contains("no jobs"), "{own:?}");
            let empty = semantest_command(&cloud.data).arg("jobs").env("SEMANTEST_API_KEY", "").output();
            assert!(!empty.unwrap().status.success(), "not with another key instead");
        };
        blocking(&cloud, check).await;
    });

    round.test("commands_end_quietly_when_nobody_reads", |cloud| async move {
        let job = cloud.generate(json!({})).await["jobId"].as_str().unwrap().to_owned();
        cloud.ended(&job).await;
        let check = move |cloud: Arc<Cloud>| {
            let printing: [&[&str]; 11] = [
                &["jobs"],
                &["jobs", "--json"],
                &["status"],
                &["status", "--json"],
                &["watch", &job],
                &["watch", &job, "--json"],
                &["batch", "-"],
                &["batch", "-", "--json"],
                &["keys", "list"],
                &["logs"],
                &["chat", "good day"],
            ];
            for arguments in printing {
                let closed = || {
                    let (reader, writer) = std::io::pipe().unwrap();
                    drop(reader);
                    writer
                };
                for both in [false, true] {
                    let mut command = semantest_command(&cloud.data);
                    command.args(arguments).stdin(Stdio::piped()).stdout(closed());
                    command.stderr(if both { closed().into() } else { Stdio::piped() });
                    let mut child = command.spawn().unwrap();
                    let _ = child.stdin.take().unwrap().write_all(b"{\"prompt\": \"a kite\"}");
                    let ended = child.wait_with_output().unwrap();
                    assert!(ended.status.success(), "{arguments:?}: {ended:?}");
                    assert!(!text(&ended.stderr).contains("panicked"), "{arguments:?}: {ended:?}");
                }
            }
        };
        blocking(&cloud, check).await;
    });

    round.test("interrupted_command_says_how_to_watch_and_cancel_its_job", |cloud| async move {
        let check = |cloud: Arc<Cloud>| {
            for arguments in
                [["generate", "[[slow:60]] a kite", "--json"], ["chat", "[[slow:4]] a kite", "--image"]]
            {
                let mut running = Running::start(&cloud, &arguments, "");
                let job = running.word_after("job ");
                let (status, said) = running.interrupt();
                assert_eq!(status, Some(130), "{said}");
                for command in [format!("semantest watch {job}"), format!("semantest cancel {job}")] {
                    assert!(said.contains(&command), "{said}");
                }
                let cancelled = run(&cloud.data, &["cancel", &job]);
                // The job of the chat may have ended meanwhile.
                assert!(cancelled.status.success() || arguments[0] == "chat", "{cancelled:?}");
            }
            let lines = "{\"prompt\": \"[[slow:60]] a kite\"}\n".repeat(2);
            let mut running = Running::start(&cloud, &["batch", "-"], &lines);
            running.word_after("batch ");
            let (status, said) = running.interrupt();
            assert_eq!(status, Some(130), "{said}");
            let jobs: Vec<_> = said
                .lines()
                .filter_map(|line| line.strip_suffix("  line 1").or(line.strip_suffix("  line 2")))
                .collect();
            assert_eq!(jobs.len(), 2, "{said}");
            for job in jobs {
                stdout(&run(&cloud.data, &["cancel", job.trim()]));
            }
        };
        blocking(&cloud, check).await;
    });

    round.test("status_shows_secrets_on_request_only", |cloud| async move {
        let check = |cloud: Arc<Cloud>| {
            let status = |arguments: &[&str]| stdout(&run(&cloud.data, &[&["status"], arguments].concat()));
            for shown in [status(&[]), status(&["--json"])] {
                assert!(shown.contains(&cloud.url), "{shown}");
                assert!(!shown.contains("sk_") && !shown.contains("whsec_"), "{shown}");
            }
            for shown in [status(&["--secrets"]), status(&["--json", "--secrets"])] {
                assert!(shown.contains(&cloud.api_key) && shown.contains("whsec_"), "{shown}");
            }
            let queues: Value = serde_json::from_str(&status(&["--json"])).unwrap();
            assert!(queues["stack"]["NormalQueueUrl"].as_str().unwrap().starts_with(&cloud.url), "{queues}");
        };
        blocking(&cloud, check).await;
    });

    round.test("empty_lists_and_new_keys_are_told_in_words", |cloud| async move {
        let job = cloud.generate(json!({})).await["jobId"].as_str().unwrap().to_owned();
        let check = move |cloud: Arc<Cloud>| {
            let said = |arguments: &[&str]| {
                let output = run(&cloud.data, arguments);
                assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
                text(&output.stderr)
            };
            assert_eq!(said(&["jobs", "--user", &Uuid::new_v4().to_string()]), "no jobs\n");
            assert_eq!(said(&["keys", "list", "--client", "nobody"]), "no keys\n");
            assert_eq!(said(&["webhooks", "list", &job]), "the job has no webhooks\n");
            let key = make_key(&cloud, "without-webhooks", &["images:read", "images:write"]);
            assert_eq!(said(&["webhooks", "disabled", "--api-key", &key]), "no URL is disabled\n");

            let made = run(&cloud.data, &["keys", "create", "--client", "words"]);
            let (key, said) = (stdout(&made), text(&made.stderr));
            let id = key.trim().parse::<ApiKey>().unwrap().id().to_string();
            assert!(said.contains(&format!("id {id}, client words")), "{said}");
        };
        blocking(&cloud, check).await;
    });

    round.test("command_batch_tells_of_webhooks_that_are_left_out", |cloud| async move {
        let check = |cloud: Arc<Cloud>| {
            let mut command = semantest_command(&cloud.data);
            command.args(["batch", "-"]);
            let line = json!({"prompt": "a kite", "size": "256x256", "webhookUrl": "http://127.0.0.1:9/"});
            let output = with_input(command, &format!("{{\"prompt\": \"a kite\"}}\n{line}"));
            let said = text(&output.stderr);
            assert!(output.status.success(), "{output:?}");
            assert!(said.contains("webhookUrl of line 2 is left out"), "{said}");
        };
        blocking(&cloud, check).await;
    });
}
