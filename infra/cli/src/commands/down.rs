//! `semantest down`.

use anyhow::Result;

use crate::cli;
use crate::local::{DataFolder, find_running};
use crate::output;

/// Stops the local cloud if it is running.
pub(crate) async fn run(args: &cli::Down) -> Result<()> {
    let folder = DataFolder::at(&args.local.data)?;
    match find_running(&folder).await {
        Some(running) => {
            running.stop().await?;
            output::note("stopped; `semantest up` starts it again with its jobs and images");
        }
        None => output::note(format_args!("no local cloud is running in {}", folder.path().display())),
    }
    Ok(())
}
