//! `semantest up`.

use anyhow::{Context as _, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli;
use crate::local::{DataFolder, RunningCloud, start};

/// Starts the local cloud, prints its address and keys, and runs it until interrupted unless detached.
pub(crate) async fn run(args: cli::Up) -> Result<()> {
    let folder = DataFolder::at(&args.local.data)?;
    let mut shutdown = ShutdownSignals::listen()?;
    let (mut running, report) = tokio::select! {
        started = start(&folder, &args) => started?,
        // A process that was started so far ends when its keepalive pipe is dropped.
        () = shutdown.wait() => bail!("interrupted"),
    };
    if args.json {
        println!("{report}");
    } else {
        report.print();
    }
    if args.detach {
        running.detach().await
    } else if running.child.is_some() {
        run_until_interrupted(running, shutdown).await
    } else {
        // Another command started the cloud, and its lifetime depends on that command.
        Ok(())
    }
}

async fn run_until_interrupted(mut running: RunningCloud, mut shutdown: ShutdownSignals) -> Result<()> {
    eprintln!("running; Ctrl-C stops it");
    let child = running.child.as_mut().context("this command did not start the local cloud")?;
    tokio::select! {
        ended = child.wait() => {
            let status = ended?;
            // `semantest down` in another terminal makes it exit with success.
            if status.success() { Ok(()) } else { bail!("the local cloud ended unexpectedly ({status})") }
        }
        () = shutdown.wait() => {
            eprintln!("stopping");
            running.stop().await
        }
    }
}

/// Ctrl-C, and the signals that a service manager or a closed terminal sends.
struct ShutdownSignals([tokio::signal::unix::Signal; 3]);

impl ShutdownSignals {
    fn listen() -> Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn wait(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
