//! `semantest generate`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use super::api::{Answer, Api, Image, Job};
use super::{files, target};
use crate::cli;

/// So many answers in a row that are none, and we give up. The job goes on without us.
const PATIENCE: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(600);

pub(crate) async fn run(args: cli::Generate) -> Result<()> {
    let (api, user) = target::resolve(&args.target).await?;
    let handed_in = api.generate(&request(&args, &user)).await?;
    let job = follow(&api, handed_in).await?;
    if job.status != "completed" {
        let why = job.error.as_ref().map(|error| format!(": {} ({})", error.message, error.code));
        if args.json {
            println!("{}", serde_json::to_string(&job)?);
        }
        bail!("the job {} {}{}", job.job_id, job.status, why.unwrap_or_default());
    }
    let images = job.result.as_ref().map(|result| result.images.as_slice()).unwrap_or_default();
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let mut saved = Vec::new();
    for (at, image) in images.iter().enumerate() {
        let name = files::name(&args.prompt, &job.job_id, at + 1, images.len(), &image.format);
        saved.push(save(&api, image, &args.out, &name).await?);
    }
    if args.json {
        let mut shown = serde_json::to_value(&job)?;
        shown["files"] = json!(saved);
        println!("{shown}");
    } else {
        for (path, image) in saved.iter().zip(images) {
            println!("{}", path.display());
            println!("{}", image.url);
        }
    }
    Ok(())
}

/// The request's body: what was not said is left to the server's defaults.
fn request(args: &cli::Generate, user: &str) -> Value {
    let mut body =
        Map::from_iter([("userId".to_owned(), json!(user)), ("prompt".to_owned(), json!(args.prompt))]);
    let options = [
        ("provider", &args.provider),
        ("size", &args.size),
        ("quality", &args.quality),
        ("style", &args.style),
        ("priority", &args.priority),
    ];
    for (name, value) in options {
        if let Some(value) = value {
            body.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(count) = args.count {
        body.insert("count".to_owned(), json!(count));
    }
    Value::Object(body)
}

/// Shows how a job gets on, until it has ended.
async fn follow(api: &Api, mut job: Job) -> Result<Job> {
    let bar = ProgressBar::new(100);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg:10} [{bar:32}] {pos:>3} %  {elapsed}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    let mut silent = 0;
    let mut wait = Duration::from_millis(200);
    loop {
        bar.set_message(job.status.clone());
        bar.set_position(percent(&job.progress));
        if matches!(job.status.as_str(), "completed" | "failed" | "cancelled") {
            bar.finish_and_clear();
            return Ok(job);
        }
        sleep(wait).await;
        wait = BETWEEN;
        match api.status(&job.job_id).await? {
            Answer::Job(now) => {
                silent = 0;
                job = *now;
            }
            Answer::Later(asked, error) => {
                silent += 1;
                if silent >= PATIENCE {
                    return Err(error.context(format!("no word of the job {}, which goes on", job.job_id)));
                }
                wait = asked.max(BETWEEN);
            }
        }
    }
}

fn percent(progress: &Value) -> u64 {
    progress.as_u64().unwrap_or_default().min(100)
}

/// Downloads an image, holds it against its hash, and only then gives it its name.
async fn save(api: &Api, image: &Image, folder: &Path, name: &str) -> Result<PathBuf> {
    let bytes = api.download(&image.url).await.with_context(|| format!("cannot download {}", image.url))?;
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if !hash.eq_ignore_ascii_case(&image.hash) {
        bail!("{} is not the image that was made: its SHA-256 is {hash}, not {}", image.url, image.hash);
    }
    let path = folder.join(name);
    let part = folder.join(format!(".{name}.part"));
    fs::write(&part, bytes).with_context(|| format!("cannot write to {}", folder.display()))?;
    fs::rename(&part, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_request_says_only_what_was_said() {
        let line = ["semantest", "generate", "a cat", "--size", "256x256", "--count", "2"];
        let cli::Command::Generate(args) = cli::Cli::parse_from(line).command else { panic!("not generate") };
        let expected = json!({ "userId": "u", "prompt": "a cat", "size": "256x256", "count": 2 });
        assert_eq!(request(&args, "u"), expected);
    }
}
