//! Builds the functions with cargo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tokio::process::Command;

use crate::output;

/// One line of cargo's JSON output: the fields that we read.
#[derive(Deserialize)]
struct CargoMessage {
    target: Option<BuiltTarget>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct BuiltTarget {
    name: String,
}

/// Builds the workspace's binaries, and returns the path of each by its name.
///
/// Builds the whole workspace with the `dev` profile, as `cargo test --workspace` does. A single package
/// would get its dependencies with other features, and compile them again.
pub(crate) async fn functions(workspace: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    output::note("building the functions (the first build takes some minutes)");
    let mut command = Command::new(cargo);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_package_variable(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    let output = command
        .args(["build", "--workspace", "--bins", "--message-format=json-render-diagnostics"])
        .current_dir(workspace)
        .stdin(Stdio::null())
        // Cargo prints its progress and its errors to stderr.
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the build of the functions failed");
    }
    Ok(executables(&String::from_utf8_lossy(&output.stdout)))
}

/// Whether `cargo run` and `cargo test` set this variable to describe the package that they run. Build
/// scripts that read it, such as ring's, would run again, and half of the tree would be compiled again.
fn is_package_variable(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

fn executables(output: &str) -> BTreeMap<String, PathBuf> {
    output
        .lines()
        .filter_map(|line| serde_json::from_str::<CargoMessage>(line).ok())
        .filter_map(|message| Some((message.target?.name, message.executable?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_come_from_cargo_messages() {
        let output = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"domain"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"health"},"executable":"/t/health"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        let found = executables(output);
        assert_eq!(found.len(), 1);
        assert_eq!(found["health"], Path::new("/t/health"));
    }
}
