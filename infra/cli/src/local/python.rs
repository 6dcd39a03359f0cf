//! Installs the emulator's Python environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::output;

const REQUIREMENTS: &str = include_str!("../../local/requirements.txt");
/// The commands to try in this order. A system may have an old `python3` and a newer Python beside it.
const PYTHON_COMMANDS: [&str; 6] =
    ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// Returns the interpreter of the environment in `venv`. Installs the environment if it is missing, broken
/// or has other requirements.
pub(crate) async fn interpreter(venv: &Path) -> Result<PathBuf> {
    let python = venv.join("bin/python");
    // Written last, so that an interrupted installation is repeated.
    let marker = venv.join("requirements.txt");
    let complete = fs::read_to_string(&marker).is_ok_and(|installed| installed == REQUIREMENTS);
    // A system upgrade may have removed the Python that the environment was created with.
    if complete && is_working(&python).await {
        return Ok(python);
    }
    let system = find_python().await?;
    output::note(format_args!("installing the AWS emulator into {} (once)", venv.display()));
    create_venv(&system, venv).await?;
    let requirements = venv.join("wanted.txt");
    fs::write(&requirements, REQUIREMENTS)?;
    let installed = Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(["--require-hashes", "-r"])
        .arg(&requirements)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .context("cannot run pip")?;
    if !installed.success() {
        bail!(
            "pip could not install the emulator (see its message above): check the network connection to PyPI"
        );
    }
    fs::rename(requirements, marker)?;
    Ok(python)
}

async fn create_venv(system: &str, venv: &Path) -> Result<()> {
    let output = Command::new(system)
        .args(["-m", "venv", "--clear"])
        .arg(venv)
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot run {system}"))?;
    if !output.status.success() {
        // Debian and Ubuntu ship the `venv` module without what it needs to work.
        bail!(
            "{system} cannot create an environment: install its venv module (on Debian and Ubuntu: apt install python3-venv)"
        );
    }
    Ok(())
}

async fn find_python() -> Result<String> {
    for name in PYTHON_COMMANDS {
        let check = Command::new(name)
            .args(["-c", "import sqlite3, sys; sys.exit(sys.version_info < (3, 10))"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        if check.is_ok_and(|status| status.success()) {
            return Ok(name.to_owned());
        }
    }
    bail!(
        "the local cloud needs Python 3.10 or newer, with SQLite: install it so that `python3` is on the PATH"
    )
}

async fn is_working(python: &Path) -> bool {
    let check = Command::new(python).args(["-c", ""]).stderr(Stdio::null()).status().await;
    check.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_pinned_by_version_and_hash() {
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
    fn launcher_supports_the_installed_version() {
        let launcher = include_str!("../../local/launcher.py");
        assert!(launcher.contains("SUPPORTED = \"1.5.33\""));
    }
}
