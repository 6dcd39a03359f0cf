//! A local cloud that is killed, and ports that are taken.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use semantest_tests::cloud::{eventually, semantest_command, workspace};
use serde_json::Value;
use uuid::Uuid;

use crate::Round;
use crate::command_line::{run, stdout};

/// The credential of the emulator's root.
const AS_ROOT: &str = "AWS4-HMAC-SHA256 Credential=test/20000101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
/// What `up` says about a cloud that was killed.
pub(crate) const NOT_ENDED: &str = "did not end by itself";

fn new_folder() -> PathBuf {
    let data = workspace().join("target/e2e").join(Uuid::new_v4().simple().to_string());
    std::fs::create_dir_all(&data).unwrap();
    data
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

/// Starts a cloud whose sweeper soon takes up jobs that nobody works on.
fn up(data: &Path) -> (Value, String) {
    let quick = ["WorkerTimeoutSeconds=15", "LeaseMarginSeconds=2", "RequeueAfterSeconds=5"];
    let mut arguments = vec!["up", "--detach", "--json", "--port", "0"];
    arguments.extend(quick.iter().flat_map(|set| ["--set", set]));
    let output = run(data, &arguments);
    (json(&output), stderr(&output))
}

/// Begins a job and returns its id without waiting for its end.
fn begin(data: &Path, prompt: &str) -> String {
    let mut command = semantest_command(data);
    command.args(["generate", prompt, "--size", "256x256"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let id = said.find_map(|line| line.strip_prefix("job ").map(str::to_owned)).expect("the id comes first");
    child.kill().unwrap();
    child.wait().unwrap();
    id
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.with_own_cloud("killed_cloud_keeps_its_keys_jobs_images_and_secret_and_says_so", || async move {
        let work = move || {
            let data = new_folder();
            let (first, said) = up(&data);
            assert!(!said.contains(NOT_ENDED), "{said}");
            let pictures = data.join("pictures").display().to_string();
            let arguments = ["generate", "a kite", "--size", "256x256", "--json", "--out", &pictures];
            let ended = json(&run(&data, &arguments));
            let begun = begin(&data, "[[slow:4]] a kite");
            let key = json(&run(&data, &["keys", "create", "--client", "acme", "--json"]));
            let secret = stdout(&run(&data, &["webhooks", "secret", "rotate", "--overlap", "0"]));
            let kill = Command::new("kill").args(["-9", &first["pids"][0].to_string()]).status();
            assert!(kill.unwrap().success());

            let (second, said) = up(&data);
            assert!(said.contains(NOT_ENDED) && said.contains("last save, of 20"), "{said}");
            assert_eq!((&second["apiKey"], &second["adminKey"]), (&first["apiKey"], &first["adminKey"]));
            assert_eq!(second["webhookSecret"], secret.trim());
            let keys = stdout(&run(&data, &["keys", "list", "--client", "acme"]));
            assert!(keys.starts_with(key["id"].as_str().unwrap()), "{keys}");
            let own = run(&data, &["jobs", "--api-key", key["key"].as_str().unwrap()]);
            assert!(own.status.success() && stderr(&own).contains("no jobs"), "{own:?}");
            let jobs = stdout(&run(&data, &["jobs"]));
            for id in [ended["jobId"].as_str().unwrap(), &begun] {
                assert!(jobs.contains(id), "{jobs}");
            }
            // Downloads the image from the bucket, and compares its hash.
            stdout(&run(&data, &["watch", ended["jobId"].as_str().unwrap(), "--out", &pictures]));
            (data, second["url"].as_str().unwrap().to_owned(), begun)
        };
        let (data, url, begun) = tokio::task::spawn_blocking(work).await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        eventually("the job in progress is continued", async || {
            // Earlier than its schedule, which is once a minute.
            let swept = http.post(format!("{url}/2015-03-31/functions/semantest-sweeper/invocations"));
            assert_eq!(swept.header("authorization", AS_ROOT).send().await.unwrap().status(), 200);
            let jobs = stdout(&run(&data, &["jobs", "--status", "completed"]));
            jobs.contains(&begun).then_some(())
        })
        .await;
        stdout(&run(&data, &["down"]));
        let _ = std::fs::remove_dir_all(&data);
    });

    round.test("taken_port_is_told_before_anything_is_built", |cloud| async move {
        let data = cloud.data.with_extension("no-port");
        let port = cloud.url.rsplit_once(':').unwrap().1.to_owned();
        let folder = cloud.data.display().to_string();
        let work = move || {
            let refused = run(&data, &["up", "--detach", "--port", &port]);
            let said = stderr(&refused);
            assert!(!refused.status.success() && !said.contains("building"), "{said}");
            assert!(said.contains(&port) && said.contains("another local cloud of Semantest"), "{said}");
            assert!(said.contains(&folder), "{said}");

            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let port = listener.local_addr().unwrap().port().to_string();
            let refused = run(&data, &["up", "--detach", "--port", &port]);
            let said = stderr(&refused);
            assert!(said.contains("another program") && !said.contains("building"), "{said}");
            let _ = std::fs::remove_dir_all(&data);
        };
        tokio::task::spawn_blocking(work).await.unwrap();
    });
}
