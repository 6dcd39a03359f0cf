//! Building the functions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tokio::process::Command;

/// One line of cargo's report, as far as we read it.
#[derive(Deserialize)]
struct Message {
    target: Option<BuiltTarget>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct BuiltTarget {
    name: String,
}

/// Builds the workspace's binaries, and says where each is.
///
/// The whole workspace and the plain `dev` profile, because `cargo test --workspace` builds just that:
/// one package by itself would get its dependencies with other features, and compile them again.
pub(crate) async fn functions(workspace: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    eprintln!("building the functions (the first time takes some minutes)");
    let mut command = Command::new(cargo);
    for (name, _) in std::env::vars_os().filter(|(name, _)| describes_a_package(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    let output = command
        .args(["build", "--workspace", "--bins", "--message-format=json-render-diagnostics"])
        .current_dir(workspace)
        .stdin(Stdio::null())
        // Cargo shows its progress and its errors there.
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the functions do not build");
    }
    Ok(executables(&String::from_utf8_lossy(&output.stdout)))
}

/// Whether it is a variable by which `cargo run` and `cargo test` tell a program of its package. Build
/// scripts that ask for it, such as ring's, would run again, and half of the tree be compiled again.
fn describes_a_package(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

fn executables(report: &str) -> BTreeMap<String, PathBuf> {
    report
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter_map(|message| Some((message.target?.name, message.executable?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_read_from_the_report() {
        let report = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"domain"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"health"},"executable":"/t/health"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        let found = executables(report);
        assert_eq!(found.len(), 1);
        assert_eq!(found["health"], Path::new("/t/health"));
    }
}
