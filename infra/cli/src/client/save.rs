//! Saves the images of a job, and prints where they are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::api::Api;
use super::file_name::image_file_name;
use super::responses::{Image, Job};
use crate::output;

/// Creates `folder`, and fails if no file can be written there. Before images are paid for that cannot be saved.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let probe = folder.join(format!(".{}.part", Uuid::new_v4()));
    let written = fs::write(&probe, "").and_then(|()| fs::remove_file(&probe));
    written.with_context(|| format!("cannot write to {}", folder.display()))
}

/// Saves all images of a job in `folder`. The file names begin with the words of `prompt`.
pub(crate) async fn save_images(api: &Api, job: &Job, prompt: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let (images, mut saved) = (job.images(), Vec::new());
    if !images.is_empty() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    for (index, image) in images.iter().enumerate() {
        let name = image_file_name(prompt, &job.job_id, index + 1, images.len(), &image.format);
        let path = download(api, image, folder, &name).await.with_context(|| {
            format!("not every image is saved; `semantest watch {} --out DIR` saves them", job.job_id)
        })?;
        saved.push(path);
    }
    Ok(saved)
}

/// Prints the path and the URL of each image.
pub(crate) fn print_images(job: &Job, files: &[PathBuf]) {
    for (index, image) in job.images().iter().enumerate() {
        if let Some(path) = files.get(index) {
            output::line(path.display());
        }
        output::line(&image.url);
    }
}

/// A job with the paths of its saved images.
pub(crate) fn job_json(job: &Job, files: &[PathBuf]) -> Result<Value> {
    let mut output = serde_json::to_value(job)?;
    if !files.is_empty() {
        output["files"] = json!(files);
    }
    Ok(output)
}

/// Prints a job that has ended. Fails if the job did not complete.
pub(crate) fn print_job(job: &Job, files: &[PathBuf], as_json: bool) -> Result<()> {
    if as_json {
        output::line(job_json(job, files)?);
    } else {
        print_images(job, files);
    }
    ensure_completed(job)
}

pub(crate) fn ensure_completed(job: &Job) -> Result<()> {
    if !job.completed() {
        bail!("the job {} {}", job.job_id, job.summary());
    }
    if job.error.is_some() {
        output::note(format_args!("the job {} {}", job.job_id, job.summary()));
    }
    Ok(())
}

/// Downloads an image and verifies its hash. The final file name exists only once the file is complete.
async fn download(api: &Api, image: &Image, folder: &Path, name: &str) -> Result<PathBuf> {
    let bytes = api.download(&image.url).await.with_context(|| format!("cannot download {}", image.url))?;
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if !hash.eq_ignore_ascii_case(&image.hash) {
        bail!("{} is not the generated image: its SHA-256 is {hash} instead of {}", image.url, image.hash);
    }
    let path = folder.join(name);
    let part = folder.join(format!(".{name}.part"));
    fs::write(&part, bytes).with_context(|| format!("cannot write to {}", folder.display()))?;
    fs::rename(&part, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_created_and_tried_before_anything_is_paid_for() {
        let folder = std::env::temp_dir().join(Uuid::new_v4().to_string());
        let nested = folder.join("a/b");
        prepare(&nested).unwrap();
        assert_eq!(fs::read_dir(&nested).unwrap().count(), 0, "the probe is gone");
        fs::write(folder.join("file"), "").unwrap();
        for unusable in [folder.join("file"), folder.join("file/below"), PathBuf::from("/proc/nope")] {
            let error = prepare(&unusable).unwrap_err().to_string();
            assert!(error.contains(&unusable.display().to_string()), "{error}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
