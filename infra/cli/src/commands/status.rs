//! `semantest status`.

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::cli;
use crate::local::{Cloud, DataFolder, find_running};

/// Prints whether a local cloud is running, with its address and keys.
pub(crate) async fn run(args: &cli::Status) -> Result<()> {
    let folder = DataFolder::at(&args.local.data)?;
    let report = match find_running(&folder).await {
        Some(running) => {
            let cloud =
                Cloud::load(&folder)?.context("the local cloud has no cloud.json: run `semantest up`")?;
            let report = cloud.report(&folder, &running.status);
            Some(report.with("webhookSecret", json!(cloud.current_webhook_secret().await?)))
        }
        None => None,
    };
    match (report, args.json) {
        (Some(report), true) => println!("{}", report.with("running", json!(true))),
        (Some(report), false) => report.print(),
        (None, true) => println!("{}", json!({ "running": false, "dataDir": folder.path() })),
        (None, false) => println!("no local cloud is running in {}", folder.path().display()),
    }
    Ok(())
}
