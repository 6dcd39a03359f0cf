//! The local cloud: MiniStack, an emulator of AWS, with the platform's own template deployed to it.

pub(crate) mod access;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod up;

mod build;
mod cloud;
mod deploy;
mod environment;
mod folder;
mod process;
mod python;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::cli;
pub(crate) use cloud::Cloud;
pub(crate) use folder::Folder;
pub(crate) use process::running;

/// Stops the cloud of a folder, if one runs.
pub(crate) async fn down(args: &cli::Down) -> Result<()> {
    let folder = Folder::at(&args.place.data)?;
    match process::running(&folder).await {
        Some(running) => {
            running.stop().await?;
            eprintln!("stopped; `semantest up` goes on from here");
        }
        None => eprintln!("no local cloud runs in {}", folder.path().display()),
    }
    Ok(())
}

/// Says whether a cloud runs, and what it offers.
pub(crate) async fn status(args: &cli::Status) -> Result<()> {
    let folder = Folder::at(&args.place.data)?;
    let report = match process::running(&folder).await {
        Some(running) => {
            let cloud =
                Cloud::load(&folder)?.context("the cloud has no record of itself: run `semantest up`")?;
            let report = cloud.report(&folder, &running.status);
            Some(report.with("webhookSecret", json!(cloud.present_webhook_secret().await?)))
        }
        None => None,
    };
    match (report, args.json) {
        (Some(report), true) => println!("{}", report.with("running", json!(true))),
        (Some(report), false) => report.print(),
        (None, true) => println!("{}", json!({ "running": false, "dataDir": folder.path() })),
        (None, false) => println!("no local cloud runs in {}", folder.path().display()),
    }
    Ok(())
}
