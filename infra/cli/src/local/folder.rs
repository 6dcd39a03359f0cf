//! The data folder of a local cloud.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The Python files that start the emulator. Each `up` writes them again, so that they match this program.
const LAUNCHER_FILES: [(&str, &str); 15] = [
    ("audit.py", include_str!("../../local/audit.py")),
    ("binaries.py", include_str!("../../local/binaries.py")),
    ("deploy.py", include_str!("../../local/deploy.py")),
    ("front.py", include_str!("../../local/front.py")),
    ("http_api.py", include_str!("../../local/http_api.py")),
    ("launcher.py", include_str!("../../local/launcher.py")),
    ("patch_actions.py", include_str!("../../local/patch_actions.py")),
    ("patch_http_api.py", include_str!("../../local/patch_http_api.py")),
    ("patch_numbers.py", include_str!("../../local/patch_numbers.py")),
    ("patch_runtime.py", include_str!("../../local/patch_runtime.py")),
    ("patch_secrets.py", include_str!("../../local/patch_secrets.py")),
    ("patch_state.py", include_str!("../../local/patch_state.py")),
    ("patch_streams.py", include_str!("../../local/patch_streams.py")),
    ("patch_tables.py", include_str!("../../local/patch_tables.py")),
    ("store.py", include_str!("../../local/store.py")),
];

#[derive(Debug, Clone)]
pub(crate) struct DataFolder(PathBuf);

impl DataFolder {
    /// The folder at `path`. Inside a workspace, a relative path is relative to the workspace's root, so
    /// that every subfolder has the same data folder.
    pub(crate) fn at(path: &Path) -> Result<Self> {
        let current = std::env::current_dir().context("the current folder does not exist")?;
        let base = workspace_above(&current).unwrap_or(current);
        Ok(Self(base.join(path)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Creates the folder, writes the launcher into it, and locks it until the returned file is dropped.
    /// The lock makes a second `up` wait for the first.
    pub(crate) fn prepare(&self) -> Result<File> {
        fs::create_dir_all(self.join("launcher"))
            .with_context(|| format!("cannot create the data folder {}", self.0.display()))?;
        let lock = File::create(self.join("lock")).context("cannot write to the data folder")?;
        lock.lock().context("cannot lock the data folder")?;
        for (name, text) in LAUNCHER_FILES {
            fs::write(self.join("launcher").join(name), text)
                .with_context(|| format!("cannot write {name}"))?;
        }
        Ok(lock)
    }

    /// Replaces a file atomically. Only its owner may read it.
    pub(crate) fn write_private(&self, name: &str, text: &str) -> Result<()> {
        let part = self.join(&format!("{name}.part"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(text.as_bytes())?;
        // Without this, a power cut could leave an empty file under the name.
        file.sync_all()?;
        fs::rename(part, self.join(name)).with_context(|| format!("cannot write {name}"))
    }
}

/// The workspace to build and deploy: that of the current folder, else the one this program was built from.
pub(crate) fn workspace() -> Result<PathBuf> {
    let current = std::env::current_dir().context("the current folder does not exist")?;
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
    match workspace_above(&current).or_else(|| workspace_above(built_from)) {
        Some(root) => Ok(root),
        None => bail!("template.yaml was not found: run this command in a clone of the repository"),
    }
}

fn workspace_above(path: &Path) -> Option<PathBuf> {
    let is_root = |dir: &&Path| dir.join("template.yaml").is_file() && dir.join("Cargo.toml").is_file();
    path.ancestors().find(is_root).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launcher_files_include_every_python_file() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("local");
        let mut found: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".py"))
            .collect();
        found.sort();
        assert_eq!(found, LAUNCHER_FILES.map(|(name, _)| name));
    }
}
