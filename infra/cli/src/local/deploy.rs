//! Deploying template.yaml to the emulator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Folder;

/// What to deploy, and where.
#[derive(Debug, Serialize)]
pub(crate) struct Order<'a> {
    pub(crate) endpoint: String,
    pub(crate) template: PathBuf,
    /// Each function's binary.
    pub(crate) binaries: BTreeMap<String, PathBuf>,
    pub(crate) data: &'a Path,
    /// Parameters of the template.
    pub(crate) set: BTreeMap<String, String>,
    /// The document of the image providers, where one was given.
    pub(crate) providers: Option<String>,
}

/// What was deployed.
#[derive(Debug, Deserialize)]
pub(crate) struct Deployed {
    /// The stack's outputs and, under `functions`, the full name of each function.
    pub(crate) outputs: Value,
    /// The environment variables that the template gives to functions.
    pub(crate) settings: BTreeMap<String, String>,
}

/// Deploys, and says what there is now.
pub(crate) async fn deploy(folder: &Folder, python: &Path, order: &Order<'_>) -> Result<Deployed> {
    let mut child = Command::new(python)
        .arg(folder.join("launcher/deploy.py"))
        // The emulator is on this machine, whatever proxy the user has.
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the deployment")?;
    let mut input = child.stdin.take().context("the deployment takes no order")?;
    input.write_all(&serde_json::to_vec(order)?).await?;
    drop(input);
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
        bail!("the deployment failed: {last}");
    }
    serde_json::from_slice(&output.stdout).context("the deployment's answer makes no sense")
}
