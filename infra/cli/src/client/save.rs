//! Fetches a job's images.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::api::Api;
use super::files;
use super::job::{Image, Job};

/// Saves all images of a job into `folder`, their names beginning with words of `prompt`.
pub(crate) async fn images(api: &Api, job: &Job, prompt: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let (images, mut saved) = (job.images(), Vec::new());
    if !images.is_empty() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    for (at, image) in images.iter().enumerate() {
        let name = files::name(prompt, &job.job_id, at + 1, images.len(), &image.format);
        saved.push(save(api, image, folder, &name).await?);
    }
    Ok(saved)
}

/// Prints where the images of a job are.
pub(crate) fn print(job: &Job, files: &[PathBuf]) {
    for (at, image) in job.images().iter().enumerate() {
        if let Some(path) = files.get(at) {
            println!("{}", path.display());
        }
        println!("{}", image.url);
    }
}

/// A job and its files as one line of JSON.
pub(crate) fn json(job: &Job, files: &[PathBuf]) -> Result<Value> {
    let mut shown = serde_json::to_value(job)?;
    if !files.is_empty() {
        shown["files"] = json!(files);
    }
    Ok(shown)
}

/// Tells of a job that has ended; fails if it has no images.
pub(crate) fn tell(job: &Job, files: &[PathBuf], as_json: bool) -> Result<()> {
    if as_json {
        println!("{}", json(job, files)?);
    } else {
        print(job, files);
    }
    verdict(job)
}

/// Fails if the job has no images.
pub(crate) fn verdict(job: &Job) -> Result<()> {
    if !job.completed() {
        bail!("the job {} {}", job.job_id, job.story());
    }
    Ok(())
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
