//! The emulator's process: starts, finds and stops it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep};

use super::folder::DataFolder;

const RECORD_FILE: &str = "process.json";
const BOOT_TIMEOUT: Duration = Duration::from_secs(30);
/// The launcher gives running functions three seconds to finish, and then writes its state.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const SAVE_TIMEOUT: Duration = Duration::from_secs(30);

/// `process.json`: the launcher of a data folder.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct ProcessRecord {
    pid: u32,
    port: u16,
}

/// The launcher's answer to a status request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LauncherStatus {
    pub(crate) pid: u32,
    /// The folder of the cloud's data. Launchers of earlier versions do not say it.
    #[serde(default)]
    data: Option<PathBuf>,
    /// The time of the last save before the cloud was killed, if the run before this one ended so.
    #[serde(default)]
    pub(crate) last_save_before_kill: Option<String>,
    pub(crate) functions: Vec<FunctionProcess>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FunctionProcess {
    pub(crate) pid: u32,
}

/// A cloud whose launcher answers.
pub(crate) struct RunningCloud {
    record: ProcessRecord,
    folder: DataFolder,
    pub(crate) status: LauncherStatus,
    /// The launcher, if this command started it.
    pub(crate) child: Option<Child>,
    /// The launcher's standard input, whose end makes it stop. Not left in `child`, because
    /// `Child::wait` closes it.
    keepalive: Option<ChildStdin>,
}

/// Finds the running cloud of a folder.
pub(crate) async fn find_running(folder: &DataFolder) -> Option<RunningCloud> {
    let record: ProcessRecord =
        serde_json::from_str(&fs::read_to_string(folder.join(RECORD_FILE)).ok()?).ok()?;
    let status = fetch_status(record.port).await?;
    // Another program, or the cloud of another folder, may use the port now.
    (status.pid == record.pid).then(|| RunningCloud {
        record,
        folder: folder.clone(),
        status,
        child: None,
        keepalive: None,
    })
}

/// Fails if another program uses `port`; 0 is any free port.
pub(super) async fn ensure_free(port: u16) -> Result<()> {
    if free_port(port).is_ok() {
        return Ok(());
    }
    let other = fetch_status(port).await;
    bail!("{}", taken(port, other.as_ref()))
}

fn taken(port: u16, cloud: Option<&LauncherStatus>) -> String {
    let data = cloud.map(|cloud| cloud.data.as_deref().unwrap_or(Path::new("another folder")).display());
    match data {
        Some(data) => format!(
            "port {port} is in use by another local cloud of Semantest, with its data in {data}: choose another port with --port, or any free one with --port 0"
        ),
        None => format!(
            "port {port} is in use by another program: choose another with --port, or any free one with --port 0"
        ),
    }
}

/// Ends the functions of a launcher that was killed and could not end them itself.
pub(super) async fn end_leftovers(folder: &DataFolder) {
    let record = fs::read_to_string(folder.join(RECORD_FILE)).ok();
    let Some(ProcessRecord { pid, .. }) = record.and_then(|text| serde_json::from_str(&text).ok()) else {
        return;
    };
    // A launcher that lives may only be too busy to answer.
    if !send_signal("-0", &pid.to_string()).await && has_processes_left(pid, folder).await {
        send_signal("-KILL", &format!("-{pid}")).await;
    }
}

/// How often another free port is taken because somebody else took the last one first.
const MAX_PORTS: usize = 5;
/// What the emulator says then.
const ADDRESS_IN_USE: &str = "Address already in use";

/// Starts the cloud on `port` and waits until it answers. On port 0 it takes any that is free.
///
/// The cloud ends when this process ends, even by SIGKILL, unless it is [detached](RunningCloud::detach).
pub(super) async fn start(folder: &DataFolder, python: &Path, port: u16) -> Result<RunningCloud> {
    let mut ports = 1;
    loop {
        match start_on(folder, python, free_port(port)?).await {
            // Between the choice of the port and its use, another program can take it.
            Err(error) if port == 0 && ports < MAX_PORTS && format!("{error:#}").contains(ADDRESS_IN_USE) => {
                ports += 1;
            }
            outcome => return outcome,
        }
    }
}

async fn start_on(folder: &DataFolder, python: &Path, port: u16) -> Result<RunningCloud> {
    let log = folder.join("launcher.log");
    let file = File::create(&log).context("cannot write to the data folder")?;
    let mut command = Command::new(python);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        // The settings of the user's AWS account must not reach the emulator.
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
    let keepalive = child.stdin.take();
    let record = ProcessRecord { pid, port };
    folder.write_private(RECORD_FILE, &serde_json::to_string(&record)?)?;

    let deadline = Instant::now() + BOOT_TIMEOUT;
    loop {
        if let Some(status) = fetch_status(port).await.filter(|status| status.pid == pid) {
            return Ok(RunningCloud {
                record,
                folder: folder.clone(),
                status,
                child: Some(child),
                keepalive,
            });
        }
        if child.try_wait()?.is_some() || Instant::now() > deadline {
            child.start_kill().ok();
            return Err(startup_error(&log));
        }
        sleep(Duration::from_millis(30)).await;
    }
}

impl RunningCloud {
    pub(crate) const fn port(&self) -> u16 {
        self.record.port
    }

    /// Lets the cloud outlive this process: a byte before the end of its standard input tells the launcher
    /// to keep running.
    pub(crate) async fn detach(&mut self) -> Result<()> {
        if let Some(mut keepalive) = self.keepalive.take() {
            keepalive.write_all(b".").await.context("the local cloud has ended")?;
            keepalive.flush().await?;
        }
        Ok(())
    }

    /// Saves the state at once. The launcher also saves it every few seconds.
    pub(crate) async fn save(&self) -> Result<()> {
        let client = reqwest::Client::builder().no_proxy().timeout(SAVE_TIMEOUT).build()?;
        let answer =
            client.post(format!("http://127.0.0.1:{}/_semantest/save", self.record.port)).send().await;
        let saved = answer.and_then(reqwest::Response::error_for_status);
        saved.context("the local cloud cannot save its state: is the disk full?")?;
        Ok(())
    }

    /// Asks the launcher to write its state and end, waits for it, and kills the processes that are left.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self.record.pid;
        send_signal("-TERM", &pid.to_string()).await;
        let deadline = Instant::now() + STOP_TIMEOUT;
        let mut alive = self.is_alive().await;
        while alive && Instant::now() < deadline {
            sleep(Duration::from_millis(50)).await;
            alive = self.is_alive().await;
        }
        // The launcher leads a process group that contains all functions. Once the group is empty, the
        // system may give its number to a group of another program, which must not be killed.
        if alive || has_processes_left(pid, &self.folder).await {
            send_signal("-KILL", &format!("-{pid}")).await;
        }
        if let Some(child) = &mut self.child {
            child.wait().await.ok();
        }
        fs::remove_file(self.folder.join(RECORD_FILE)).context("cannot write to the data folder")
    }

    async fn is_alive(&mut self) -> bool {
        match &mut self.child {
            // A child that has ended still accepts signals until its exit status is read.
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => send_signal("-0", &self.record.pid.to_string()).await,
        }
    }
}

/// Whether the launcher's group still contains processes of this cloud.
async fn has_processes_left(group: u32, folder: &DataFolder) -> bool {
    let mut ps = Command::new("ps");
    ps.args(["-A", "-ww", "-o", "pgid=", "-o", "args="]).stderr(Stdio::null());
    let Ok(output) = ps.output().await else { return false };
    lists_process(&String::from_utf8_lossy(&output.stdout), group, folder.path())
}

/// Whether one of the processes, each listed as `<group> <arguments>`, is in `group` and was started from
/// `folder`: the launcher's script and the functions' binaries are there.
fn lists_process(processes: &str, group: u32, folder: &Path) -> bool {
    let folder = format!("{}/", folder.display());
    processes
        .lines()
        .filter_map(|line| line.trim_start().split_once(' '))
        .any(|(id, arguments)| id.parse() == Ok(group) && arguments.contains(&folder))
}

async fn fetch_status(port: u16) -> Option<LauncherStatus> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().ok()?;
    let url = format!("http://127.0.0.1:{port}/_semantest/status");
    client.get(url).send().await.ok()?.error_for_status().ok()?.json().await.ok()
}

/// Runs `kill`, because sending a signal directly needs `unsafe` or another dependency.
async fn send_signal(signal: &str, target: &str) -> bool {
    let mut kill = Command::new("kill");
    kill.args([signal, "--", target]).stdout(Stdio::null()).stderr(Stdio::null());
    kill.status().await.is_ok_and(|status| status.success())
}

fn free_port(port: u16) -> Result<u16> {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(listener) => Ok(listener.local_addr()?.port()),
        Err(_) => bail!("{}", taken(port, None)),
    }
}

/// The last line of the launcher's log: a message of the launcher or of Python.
fn startup_error(log: &Path) -> anyhow::Error {
    let text = fs::read_to_string(log).unwrap_or_default();
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
    anyhow!("the emulator did not start: {last} (full log: {})", log.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_port_error_names_the_port_and_the_option() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let message = free_port(port).unwrap_err().to_string();
        assert!(message.contains(&port.to_string()) && message.contains("--port"));
    }

    #[test]
    fn port_of_another_cloud_is_called_that() {
        let cloud =
            serde_json::from_str(r#"{"pid": 7, "functions": [], "data": "/home/me/.semantest"}"#).unwrap();
        let message = taken(4600, Some(&cloud));
        assert!(message.contains("another local cloud of Semantest, with its data in /home/me/.semantest"));
        assert!(taken(4600, None).contains("another program"));
    }

    #[test]
    fn free_port_of_zero_is_any_free_port() {
        assert_ne!(free_port(0).unwrap(), 0);
    }

    #[test]
    fn lists_process_checks_group_and_folder() {
        let processes =
            "    1 /sbin/init\n  701 /data/one/functions/health/ab\n  702 python3 /data/two/x.py\n";
        assert!(lists_process(processes, 701, Path::new("/data/one")));
        assert!(!lists_process(processes, 702, Path::new("/data/one")), "another program's group");
        assert!(!lists_process(processes, 703, Path::new("/data/one")), "an empty group");
        assert!(!lists_process(processes, 701, Path::new("/data/on")), "another folder");
        assert!(!lists_process("", 701, Path::new("/data/one")));
    }
}
