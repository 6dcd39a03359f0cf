//! The emulator's process: starting, finding and stopping it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep};

use super::Folder;

const NOTE: &str = "process.json";
const BOOT_TIME: Duration = Duration::from_secs(30);
/// The launcher gives running functions three seconds, then writes its state.
const STOP_TIME: Duration = Duration::from_secs(20);

/// What the data folder keeps of a running process.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Note {
    pid: u32,
    port: u16,
}

/// What the launcher says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Status {
    pub(crate) pid: u32,
    pub(crate) functions: Vec<FunctionProcess>,
}

/// One process of a function.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FunctionProcess {
    pub(crate) pid: u32,
}

/// A cloud that answers.
pub(crate) struct Running {
    note: Note,
    folder: Folder,
    pub(crate) status: Status,
    /// Only where this very command started it.
    pub(crate) child: Option<Child>,
    /// What it lives by. Not left in `child`, whose `wait` would close it.
    hold: Option<ChildStdin>,
}

/// The cloud that runs in a folder, if one does.
pub(crate) async fn running(folder: &Folder) -> Option<Running> {
    let note: Note = serde_json::from_str(&fs::read_to_string(folder.join(NOTE)).ok()?).ok()?;
    let status = ask(note.port).await?;
    // Another program, or another folder's cloud, may have the port by now.
    (status.pid == note.pid).then(|| Running {
        note,
        folder: folder.clone(),
        status,
        child: None,
        hold: None,
    })
}

/// Starts the cloud on `port` and waits until it answers.
///
/// It ends when this process does, however that happens, until it is [let go](Running::let_go).
pub(crate) async fn start(folder: &Folder, python: &Path, port: u16) -> Result<Running> {
    let port = free_port(port)?;
    let log = folder.join("launcher.log");
    let file = File::create(&log).context("cannot write to the data folder")?;
    let mut command = Command::new(python);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        // The user's own account has no place in here.
        command.env_remove(name);
    }
    let mut child = command
        .arg(folder.join("launcher/launcher.py"))
        .env("SEMANTEST_DATA", folder.path())
        .env("SEMANTEST_PORT", port.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .context("cannot start the emulator")?;
    let pid = child.id().context("the emulator ended at once")?;
    let hold = child.stdin.take();
    let note = Note { pid, port };
    folder.write_private(NOTE, &serde_json::to_string(&note)?)?;

    let deadline = Instant::now() + BOOT_TIME;
    loop {
        if let Some(status) = ask(port).await.filter(|status| status.pid == pid) {
            return Ok(Running { note, folder: folder.clone(), status, child: Some(child), hold });
        }
        if child.try_wait()?.is_some() || Instant::now() > deadline {
            child.start_kill().ok();
            return Err(last_words(&log));
        }
        sleep(Duration::from_millis(30)).await;
    }
}

impl Running {
    pub(crate) const fn port(&self) -> u16 {
        self.note.port
    }

    /// Lets it outlive this process: the launcher takes a byte, instead of the end, for that.
    pub(crate) async fn let_go(&mut self) -> Result<()> {
        if let Some(mut hold) = self.hold.take() {
            hold.write_all(b".").await.context("the local cloud has ended")?;
            hold.flush().await?;
        }
        Ok(())
    }

    /// Asks it to write its state and end, waits for that, and makes sure that nothing is left.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self.note.pid;
        signal("-TERM", &pid.to_string()).await;
        let deadline = Instant::now() + STOP_TIME;
        while Instant::now() < deadline && self.alive().await {
            sleep(Duration::from_millis(50)).await;
        }
        // The launcher leads a group that all its functions are in.
        signal("-KILL", &format!("-{pid}")).await;
        if let Some(child) = &mut self.child {
            child.wait().await.ok();
        }
        fs::remove_file(self.folder.join(NOTE)).context("cannot write to the data folder")
    }

    async fn alive(&mut self) -> bool {
        match &mut self.child {
            // Our own child stays a zombie, and so "alive" to a signal, until we have looked.
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => signal("-0", &self.note.pid.to_string()).await,
        }
    }
}

async fn ask(port: u16) -> Option<Status> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().ok()?;
    let url = format!("http://127.0.0.1:{port}/_semantest/status");
    client.get(url).send().await.ok()?.error_for_status().ok()?.json().await.ok()
}

/// `kill`, because sending a signal takes `unsafe` or another dependency.
async fn signal(name: &str, target: &str) -> bool {
    let mut kill = Command::new("kill");
    kill.args([name, "--", target]).stdout(Stdio::null()).stderr(Stdio::null());
    kill.status().await.is_ok_and(|status| status.success())
}

fn free_port(port: u16) -> Result<u16> {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(listener) => Ok(listener.local_addr()?.port()),
        Err(_) => bail!(
            "port {port} is taken by another program: choose one with --port, or any free one with --port 0"
        ),
    }
}

/// The end of the launcher's log: its own message, or Python's.
fn last_words(log: &Path) -> anyhow::Error {
    let text = fs::read_to_string(log).unwrap_or_default();
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    anyhow!("the emulator did not start: {last} (all of it: {})", log.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_the_way_out() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let message = free_port(port).unwrap_err().to_string();
        assert!(message.contains(&port.to_string()) && message.contains("--port"));
    }

    #[test]
    fn port_zero_is_a_free_one() {
        assert_ne!(free_port(0).unwrap(), 0);
    }
}
