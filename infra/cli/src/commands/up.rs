//! `semantest up`.

use anyhow::{Context as _, Result, bail};

use crate::cli;
use crate::interrupts::Interrupts;
use crate::local::{DataFolder, RunningCloud, start};
use crate::output;

/// Starts the local cloud, prints its address and keys, and runs it until interrupted unless detached.
pub(crate) async fn run(args: cli::Up) -> Result<()> {
    let folder = DataFolder::at(&args.local.data)?;
    let mut interrupts = Interrupts::listen()?;
    let (mut running, report) = tokio::select! {
        started = start(&folder, &args) => started?,
        // A process that was started so far ends when its keepalive pipe is dropped.
        () = interrupts.next() => bail!("interrupted"),
    };
    if args.json {
        output::line(report);
    } else {
        report.print();
    }
    if args.detach {
        running.detach().await
    } else if running.child.is_some() {
        run_until_interrupted(running, interrupts).await
    } else {
        // Another command started the cloud, and its lifetime depends on that command.
        Ok(())
    }
}

async fn run_until_interrupted(mut running: RunningCloud, mut interrupts: Interrupts) -> Result<()> {
    output::note("running; Ctrl-C stops it");
    let child = running.child.as_mut().context("this command did not start the local cloud")?;
    tokio::select! {
        ended = child.wait() => {
            let status = ended?;
            // `semantest down` in another terminal makes it exit with success.
            if status.success() {
                return Ok(());
            }
            bail!("the local cloud ended unexpectedly ({status}); `semantest up` starts it with what it has saved")
        }
        () = interrupts.next() => {
            output::note("stopping");
            running.stop().await
        }
    }
}
