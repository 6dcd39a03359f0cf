//! `semantest down`.

use anyhow::Result;

use crate::cli;
use crate::local::{DataFolder, find_running};

/// Stops the local cloud if it is running.
pub(crate) async fn run(args: &cli::Down) -> Result<()> {
    let folder = DataFolder::at(&args.local.data)?;
    match find_running(&folder).await {
        Some(running) => {
            running.stop().await?;
            eprintln!("stopped; `semantest up` starts it again with its jobs and images");
        }
        None => eprintln!("no local cloud is running in {}", folder.path().display()),
    }
    Ok(())
}
