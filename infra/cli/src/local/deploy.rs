//! Deploys template.yaml to the emulator, by way of deploy.py.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::folder::DataFolder;

/// What to deploy, and where. Sent to deploy.py as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct DeployRequest<'a> {
    pub(crate) endpoint: String,
    pub(crate) template: PathBuf,
    /// The path of each function's binary, by the function's name.
    pub(crate) binaries: BTreeMap<String, PathBuf>,
    pub(crate) data: &'a Path,
    /// Parameters of the template, by name.
    pub(crate) parameters: BTreeMap<String, String>,
    /// The providers document, if the user gave one.
    pub(crate) providers: Option<String>,
}

/// The answer of deploy.py.
#[derive(Debug, Deserialize)]
pub(crate) struct Deployed {
    /// The stack's outputs and, under `functions`, the deployed name of each function.
    pub(crate) outputs: Value,
    /// The environment variables that the template sets for the functions.
    pub(crate) settings: BTreeMap<String, String>,
}

pub(crate) async fn deploy(
    folder: &DataFolder,
    python: &Path,
    request: &DeployRequest<'_>,
) -> Result<Deployed> {
    let mut child = Command::new(python)
        .arg(folder.join("launcher/deploy.py"))
        // The emulator is on this machine: a proxy of the user must not be used.
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the deployment")?;
    let mut input = child.stdin.take().context("the deployment has no standard input")?;
    input.write_all(&serde_json::to_vec(request)?).await?;
    drop(input);
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
        bail!("the deployment failed: {last}");
    }
    serde_json::from_slice(&output.stdout).context("the deployment's answer is not valid")
}
