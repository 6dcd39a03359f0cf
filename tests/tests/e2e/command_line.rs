//! The commands that the README shows to a newcomer.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use domain::access::ApiKey;
use semantest_tests::cloud::{Cloud, semantest_command};
use serde_json::Value;

use crate::Round;
use crate::killed_cloud::NOT_ENDED;

pub(crate) fn run(data: &Path, arguments: &[&str]) -> Output {
    semantest_command(data).args(arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Makes a key with the command line, because the API's rate limit for that is too low for all tests.
pub(crate) fn make_key(cloud: &Cloud, client: &str, scopes: &[&str]) -> String {
    let key = ApiKey::generate();
    let mut arguments = vec!["keys", "create", "--client", client, "--key", key.expose(), "--json"];
    arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    let made: Value = serde_json::from_str(&stdout(&run(&cloud.data, &arguments))).unwrap();
    assert_eq!(made["clientId"], client);
    made["key"].as_str().unwrap().to_owned()
}

async fn blocking(cloud: &Arc<Cloud>, arguments: Vec<String>) -> Output {
    let data = cloud.data.clone();
    let task = move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        run(&data, &arguments)
    };
    tokio::task::spawn_blocking(task).await.unwrap()
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("command_generate_saves_the_images_and_prints_their_paths", |cloud| async move {
        let out = cloud.data.join("pictures");
        let arguments = ["generate", "a lighthouse at dusk", "--size", "1024x576", "--count", "2", "--out"];
        let mut arguments: Vec<_> = arguments.map(str::to_owned).into();
        arguments.push(out.display().to_string());
        let said = stdout(&blocking(&cloud, arguments).await);
        let saved: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(saved.len(), 2);
        for path in saved {
            assert!(said.contains(path.to_str().unwrap()), "{said}");
            let picture = image::open(path).unwrap();
            assert_eq!((picture.width(), picture.height()), (1024, 576));
        }
        assert!(said.contains(&format!("{}/images/", cloud.url)), "{said}");
    });

    round.test("command_generate_prints_why_a_job_failed", |cloud| async move {
        let arguments = ["generate", "[[refuse]] a kite"].map(str::to_owned).into();
        let output = blocking(&cloud, arguments).await;
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("GENERATION_FAILED"), "{said}");
    });

    round.test("command_status_reports_a_running_cloud", |cloud| async move {
        let output = blocking(&cloud, ["status", "--json"].map(str::to_owned).into()).await;
        let status: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(
            (&status["url"], &status["running"]),
            (&Value::from(cloud.url.clone()), &Value::from(true))
        );
    });

    round.test("only_the_operator_gets_operator_scopes", |cloud| async move {
        let arguments = ["keys", "create", "--client", "acme", "--scope", "clients:admin"];
        let output = blocking(&cloud, arguments.map(str::to_owned).into()).await;
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("operator"));
    });

    round.test("restarted_cloud_keeps_its_state_and_leaves_no_process", |cloud| async move {
        let data = cloud.data.with_extension("second");
        std::fs::create_dir_all(&data).unwrap();
        let up = |data: &Path| -> Value {
            let output = run(data, &["up", "--detach", "--json", "--port", "0"]);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!said.contains(NOT_ENDED), "{said}");
            serde_json::from_str(&stdout(&output)).unwrap()
        };
        let url_of_the_first = cloud.url.clone();
        let work = move || {
            let first = up(&data);
            let pid = first["pids"][0].to_string();
            let out = data.join("pictures").display().to_string();
            let made = stdout(&run(&data, &["generate", "a kite", "--size", "256x256", "--out", &out]));
            let url =
                made.lines().flat_map(str::split_whitespace).find(|word| word.contains("/images/")).unwrap();
            let path = url.split_once("/images/").unwrap().1.to_owned();
            let rotated = stdout(&run(&data, &["webhooks", "secret", "rotate", "--overlap", "0"]));
            assert_ne!(first["webhookSecret"], rotated.trim());
            stdout(&run(&data, &["down"]));
            assert!(!Path::new("/proc").join(&pid).exists(), "the launcher outlived `down`");

            let second = up(&data);
            assert_eq!(second["apiKey"], first["apiKey"]);
            assert_eq!(second["webhookSecret"], rotated.trim());
            assert_ne!(first["url"], url_of_the_first);
            let queue = second["stack"]["NormalQueueUrl"].as_str().unwrap();
            assert!(queue.starts_with(second["url"].as_str().unwrap()), "{queue}");
            // On another port than before: queues, mappings and images must still work.
            stdout(&run(&data, &["generate", "a kite", "--size", "256x256", "--out", &out]));
            (data, format!("{}/images/{path}", second["url"].as_str().unwrap()))
        };
        let (data, image) = tokio::task::spawn_blocking(work).await.unwrap();
        let fetched = cloud.http.get(&image).send().await.unwrap();
        assert_eq!(fetched.status(), 200, "the state survives `down`");
        stdout(&run(&data, &["down"]));
        let _ = std::fs::remove_dir_all(&data);
    });
}
