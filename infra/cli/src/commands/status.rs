//! `semantest status`.

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::cli;
use crate::local::{Cloud, DataFolder, find_running};
use crate::output;

/// Prints whether a local cloud is running, with its address and, on request, its keys.
pub(crate) async fn run(args: &cli::Status) -> Result<()> {
    let folder = DataFolder::at(&args.local.data)?;
    let report = match find_running(&folder).await {
        Some(running) => {
            let cloud =
                Cloud::load(&folder)?.context("the local cloud has no cloud.json: run `semantest up`")?;
            let report = cloud.report(&folder, &running.status);
            Some(if args.secrets {
                report.with("webhookSecret", json!(cloud.current_webhook_secret().await?))
            } else {
                report.without_secrets()
            })
        }
        None => None,
    };
    match (report, args.json) {
        (Some(report), true) => output::line(report.with("running", json!(true))),
        (Some(report), false) => report.print(),
        (None, true) => output::line(json!({ "running": false, "dataDir": folder.path() })),
        (None, false) => {
            output::line(format_args!("no local cloud is running in {}", folder.path().display()))
        }
    }
    Ok(())
}
