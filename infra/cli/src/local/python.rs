//! The emulator's Python environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

const REQUIREMENTS: &str = include_str!("../../local/requirements.txt");
/// Python itself last, so that a system with an old `python3` and a newer one beside it works too.
const NAMES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// The interpreter of the environment in `venv`, which is made if it is not there or of another make.
pub(crate) async fn interpreter(venv: &Path) -> Result<PathBuf> {
    let python = venv.join("bin/python");
    // Written last: an installation that was cut short is done again.
    let marker = venv.join("requirements.txt");
    let complete = fs::read_to_string(&marker).is_ok_and(|installed| installed == REQUIREMENTS);
    // An upgrade of the system may have taken away the Python that it was made with.
    if complete && works(&python).await {
        return Ok(python);
    }
    let system = find().await?;
    eprintln!("installing the AWS emulator into {} (once)", venv.display());
    make(&system, venv).await?;
    let list = venv.join("wanted.txt");
    fs::write(&list, REQUIREMENTS)?;
    let installed = Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(["--require-hashes", "-r"])
        .arg(&list)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .context("cannot run pip")?;
    if !installed.success() {
        bail!("pip could not install the emulator (its reason is above): is there a way to PyPI?");
    }
    fs::rename(list, marker)?;
    Ok(python)
}

async fn make(system: &str, venv: &Path) -> Result<()> {
    let output = Command::new(system)
        .args(["-m", "venv", "--clear"])
        .arg(venv)
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot run {system}"))?;
    if !output.status.success() {
        // Debian and Ubuntu ship `venv` without its insides.
        bail!(
            "{system} cannot make an environment: install its venv module (on Debian and Ubuntu: apt install python3-venv)"
        );
    }
    Ok(())
}

async fn find() -> Result<String> {
    for name in NAMES {
        let asked = Command::new(name)
            .args(["-c", "import sys; sys.exit(sys.version_info < (3, 10))"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        if asked.is_ok_and(|status| status.success()) {
            return Ok(name.to_owned());
        }
    }
    bail!("the local cloud needs Python 3.10 or newer: install it so that `python3` is on the PATH")
}

async fn works(python: &Path) -> bool {
    let asked = Command::new(python).args(["-c", ""]).stderr(Stdio::null()).status().await;
    asked.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_pinned_by_version_and_hash() {
        let text = REQUIREMENTS.replace("\\\n", " ");
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        assert!(lines.iter().any(|line| line.starts_with("ministack==1.5.33 ")));
        for line in lines {
            assert!(line.contains("==") && line.contains("--hash=sha256:"), "{line}");
        }
    }

    #[test]
    fn requirements_name_no_index() {
        assert!(!REQUIREMENTS.contains("://") && !REQUIREMENTS.contains("index"));
    }

    #[test]
    fn the_launcher_accepts_the_version_that_is_installed() {
        let launcher = include_str!("../../local/launcher.py");
        assert!(launcher.contains("SUPPORTED = \"1.5.33\""));
    }
}
