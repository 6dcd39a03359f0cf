//! The commands that work on any deployment, and `logs`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use semantest_tests::cloud::{Cloud, PATIENCE, semantest_command};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Round;

/// Runs the command with this input and a client's own key.
async fn run(cloud: &Arc<Cloud>, key: &str, arguments: &[&str], input: &str) -> Output {
    let mut command = semantest_command(&cloud.data);
    command.args(arguments).env("SEMANTEST_URL", &cloud.url).env("SEMANTEST_API_KEY", key);
    command.env("XDG_CONFIG_HOME", cloud.data.join("config"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let work = move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn key(cloud: &Cloud) -> String {
    crate::command_line::make_key(cloud, "local", &["chat", "images:write", "images:read"])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn pictures(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("command_chat_replies_continues_and_saves_images", |cloud| async move {
        let key = key(&cloud);
        let first = run(&cloud, &key, &["chat", "good day"], "").await;
        assert!(text(&first.stdout).starts_with("You said: good day\n"), "{first:?}");
        let said = text(&first.stderr);
        let session = said.lines().find_map(|line| line.strip_prefix("session ")).unwrap();

        let out = cloud.data.join("drawn-in-a-chat");
        let folder = out.to_str().unwrap();
        let look = ["--count", "2", "--size", "256x256", "--out", folder];
        let arguments = ["chat", "a boat", "--json", "--temperature", "1.5", "--session", session];
        let second = run(&cloud, &key, &[&arguments[..], &look].concat(), "").await;
        let [turn] = lines(&second).try_into().unwrap();
        assert_eq!(turn["sessionId"], session);
        let reply = turn["chatResponse"]["content"].as_str().unwrap();
        assert!(reply.contains("before it: 2;") && reply.contains("temperature 1.5"), "{reply}");
        assert_eq!(turn["imageGenerationJob"]["status"], "completed");
        assert_eq!(turn["imageGenerationJob"]["files"], json!(pictures(&out)));
        assert_eq!(image::image_dimensions(&pictures(&out)[1]).unwrap(), (256, 256));

        let failed = run(&cloud, &key, &["chat", "[[fail:forever]]"], "").await;
        assert!(!failed.status.success() && text(&failed.stderr).contains("GENERATION_FAILED"), "{failed:?}");
        let wrong = run(&cloud, &key, &["chat", "x", "--temperature", "3"], "").await;
        assert!(text(&wrong.stderr).contains("chatContext.temperature: "), "{wrong:?}");
    });

    round.test("command_watch_reports_how_a_job_ends", |cloud| async move {
        let key = key(&cloud);
        let job = cloud.generate(json!({"prompt": "[[slow:2]] a kite"})).await;
        let out = cloud.data.join("watched");
        let arguments = ["watch", job["jobId"].as_str().unwrap(), "--out", out.to_str().unwrap(), "--json"];
        let [ended] = lines(&run(&cloud, &key, &arguments, "").await).try_into().unwrap();
        assert_eq!((&ended["jobId"], &ended["status"]), (&job["jobId"], &json!("completed")));
        assert_eq!(ended["files"], json!(pictures(&out)));

        let job = cloud.generate(json!({"prompt": "[[refuse]] a kite"})).await;
        let failed = run(&cloud, &key, &["watch", job["jobId"].as_str().unwrap()], "").await;
        assert!(!failed.status.success() && text(&failed.stderr).contains("GENERATION_FAILED"), "{failed:?}");
        let unknown = run(&cloud, &key, &["watch", &Uuid::now_v7().to_string()], "").await;
        assert!(text(&unknown.stderr).contains("JOB_NOT_FOUND"), "{unknown:?}");
    });

    round.test("command_jobs_lists_the_requested_jobs", |cloud| async move {
        let (key, user) = (key(&cloud), Uuid::new_v4());
        let job = |prompt: &str| cloud.generate(json!({"userId": user, "prompt": prompt}));
        let (one, two) = (job("a kite").await, job("[[refuse]] a kite").await);
        for job in [&one, &two] {
            cloud.ended(job["jobId"].as_str().unwrap()).await;
        }
        let user = user.to_string();
        let ids = async |more: &[&str]| {
            let arguments = [&["jobs", "--json", "--user", &user], more].concat();
            let listed = lines(&run(&cloud, &key, &arguments, "").await);
            listed.into_iter().map(|job| job["jobId"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&[]).await, [two["jobId"].clone(), one["jobId"].clone()], "the newest first");
        assert_eq!(ids(&["--limit", "1"]).await, [two["jobId"].clone()]);
        assert_eq!(ids(&["--status", "completed"]).await, [one["jobId"].clone()]);
        let shown = run(&cloud, &key, &["jobs", "--user", &user], "").await;
        let first = text(&shown.stdout).lines().next().unwrap().to_owned();
        assert!(first.starts_with(two["jobId"].as_str().unwrap()) && first.contains("failed: "), "{first}");
        let last = text(&shown.stdout).lines().last().unwrap().to_owned();
        assert_eq!(last, "2 jobs, 1 images, USD 0.000000");
    });

    round.test("command_cancel_cancels_a_job_once", |cloud| async move {
        let key = key(&cloud);
        let job = cloud.generate(json!({"prompt": "[[slow:10]] a kite"})).await;
        let id = job["jobId"].as_str().unwrap();
        let done = run(&cloud, &key, &["cancel", id], "").await;
        assert!(done.status.success(), "{done:?}");
        assert_eq!(cloud.status(id).await["status"], "cancelled");
        let again = run(&cloud, &key, &["cancel", id], "").await;
        assert!(!again.status.success() && text(&again.stderr).contains("CANNOT_CANCEL"), "{again:?}");
    });

    round.test("command_batch_makes_a_job_of_every_line", |cloud| async move {
        let key = key(&cloud);
        let out = cloud.data.join("batch");
        let file = cloud.data.join("jobs.jsonl");
        let job = |prompt: &str| json!({"prompt": prompt, "size": "256x256"}).to_string();
        std::fs::write(&file, [job("a boat"), String::new(), job("a castle")].join("\n")).unwrap();
        let arguments = ["batch", file.to_str().unwrap(), "--json", "--out", out.to_str().unwrap()];
        let mut ended = lines(&run(&cloud, &key, &arguments, "").await);
        ended.sort_by_key(|job| job["line"].as_u64());
        assert_eq!(ended.iter().map(|job| job["line"].clone()).collect::<Vec<_>>(), [1, 3]);
        let files = pictures(&out);
        assert_eq!(files.len(), 2);
        assert!(files[0].to_str().unwrap().contains("/a-boat-"), "{files:?}");
        assert_eq!(ended[0]["files"], json!([files[0]]));

        let input = [job("a cat"), job("[[refuse]] a kite")].join("\n");
        let partly = run(&cloud, &key, &["batch", "-"], &input).await;
        assert!(!partly.status.success());
        assert!(text(&partly.stdout).contains("line 1: completed"), "{partly:?}");
        assert!(text(&partly.stdout).contains("line 2: failed: "), "{partly:?}");
        let said = text(&partly.stderr);
        assert!(said.contains("1 completed, 1 failed") && said.contains("no images for line 2"), "{said}");
    });

    round.test("command_batch_names_every_invalid_line_and_makes_no_job", |cloud| async move {
        let key = key(&cloud);
        for (input, expected) in [
            ("{\"prompt\": \"x\"}\nnot json\n[]", "line 2: |line 3: "),
            ("{\"prompt\": \"x\"}\n\n{\"prompt\": \"\", \"count\": 9}", "line 3: prompt: |line 3: count: "),
            ("\n", "no job"),
        ] {
            let refused = run(&cloud, &key, &["batch", "-"], input).await;
            let said = text(&refused.stderr);
            assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
            assert!(expected.split('|').all(|part| said.contains(part)), "{said}");
        }
    });

    round.test("command_logs_prints_and_follows_the_functions_logs", |cloud| async move {
        let key = key(&cloud);
        let job = cloud.generate(json!({})).await;
        let id = job["jobId"].as_str().unwrap().to_owned();
        cloud.ended(&id).await;
        let all = lines(&run(&cloud, &key, &["logs"], "").await);
        let times: Vec<_> = all.iter().map(|line| line["timestamp"].as_str().unwrap()).collect();
        assert!(times.is_sorted(), "by time, whoever wrote it");
        let about: Vec<_> = all.iter().filter(|line| line["jobId"] == id).collect();
        assert!(about.iter().any(|line| line["function"] == "images-generate"));
        assert!(about.iter().any(|line| line["function"] == "image-worker"));
        let worker = lines(&run(&cloud, &key, &["logs", "image-worker"], "").await);
        assert!(!worker.is_empty() && worker.iter().all(|line| line["function"] == "image-worker"));
        let unknown = run(&cloud, &key, &["logs", "nobody"], "").await;
        assert!(!unknown.status.success() && text(&unknown.stderr).contains("image-worker"), "{unknown:?}");

        let mut command = semantest_command(&cloud.data);
        command.args(["logs", "images-generate", "--follow"]).stdout(Stdio::piped());
        let mut following = command.spawn().unwrap();
        let seen = BufReader::new(following.stdout.take().unwrap());
        let next = cloud.generate(json!({})).await;
        let next = next["jobId"].as_str().unwrap().to_owned();
        let wait = move || seen.lines().map_while(Result::ok).any(|line| line.contains(&next));
        let found = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(wait)).await;
        following.kill().unwrap();
        following.wait().unwrap();
        assert!(found.expect("the new line is seen").unwrap());
    });
}
