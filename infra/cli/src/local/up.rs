//! `semantest up`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use domain::access::{ClientId, Scope};
use tokio::signal::unix::{SignalKind, signal};

use super::access::{Access, CLIENT};
use super::cloud::Report;
use super::process::Running;
use super::{Cloud, Folder, build, deploy, environment, folder, process, python};
use crate::cli;
use crate::providers::document::Document;

/// The first choice of a new cloud.
const PORT: u16 = 4600;

/// Starts the cloud, says what it offers, and unless told to detach stays until it is interrupted.
pub(crate) async fn run(args: cli::Up) -> Result<()> {
    let folder = Folder::at(&args.place.data)?;
    let mut interrupted = Interrupt::listen()?;
    let (mut running, report) = tokio::select! {
        started = start(&folder, &args) => started?,
        // What was started so far ends with our hold on it.
        () = interrupted.wait() => bail!("interrupted"),
    };
    if args.json {
        println!("{report}");
    } else {
        report.print();
    }
    if args.detach {
        running.let_go().await
    } else if running.child.is_some() {
        stay(running, interrupted).await
    } else {
        // Another command started it, and keeps it.
        Ok(())
    }
}

/// Brings the cloud up: builds, boots and deploys whatever is not as it should be.
pub(crate) async fn start(folder: &Folder, args: &cli::Up) -> Result<(Running, Report)> {
    let _lock = folder.prepare()?;
    let workspace = folder::workspace()?;
    let providers = match &args.providers {
        Some(file) => Some(Document::read(file)?.text().to_owned()),
        None => None,
    };
    let mut cloud = Cloud::load(folder)?.unwrap_or_default();
    let venv = args.place.venv.clone().unwrap_or_else(|| folder.join("venv"));
    let (binaries, interpreter) = tokio::try_join!(build::functions(&workspace), python::interpreter(&venv))?;

    let running = match process::running(folder).await {
        Some(running) => {
            if let Some(port) = args.port.filter(|port| *port != 0 && *port != running.port()) {
                bail!(
                    "this cloud runs on port {} already: stop it with `semantest down` to use {port}",
                    running.port()
                );
            }
            running
        }
        None => {
            eprintln!("starting the local cloud");
            let last = Some(cloud.port).filter(|port| *port != 0);
            let port = args.port.or(last).unwrap_or(PORT);
            process::start(folder, &interpreter, port).await?
        }
    };
    cloud.port = running.port();

    eprintln!("deploying template.yaml");
    let order = deploy::Order {
        endpoint: cloud.url(),
        template: workspace.join("template.yaml"),
        binaries,
        data: folder.path(),
        set: args.set.iter().cloned().collect::<BTreeMap<_, _>>(),
        providers,
    };
    let made = furnish(folder, &interpreter, &order, &mut cloud).await;
    if let Err(error) = made {
        // A cloud without a deployment is of no use, unless it was there before us.
        if running.child.is_some() {
            running.stop().await?;
        }
        return Err(error);
    }
    let report = cloud.report(folder, &running.status);
    Ok((running, report))
}

/// Deploys to a running emulator, and gives the deployment its first keys.
async fn furnish(
    folder: &Folder,
    interpreter: &Path,
    order: &deploy::Order<'_>,
    cloud: &mut Cloud,
) -> Result<()> {
    let deployed = deploy::deploy(folder, interpreter, order).await?;
    environment::write(folder, &cloud.url(), deployed.settings)?;
    cloud.stack = deployed.outputs;
    let access = Access::to(&cloud.url(), &cloud.stack)?;
    let plain = [Scope::Chat, Scope::ImagesWrite, Scope::ImagesRead];
    cloud.api_key = Some(access.ensure(cloud.api_key.as_deref(), CLIENT, &plain).await?);
    let own = [Scope::KeysAdmin];
    cloud.client_admin_key = Some(access.ensure(cloud.client_admin_key.as_deref(), CLIENT, &own).await?);
    cloud.admin_key = Some(access.ensure(cloud.admin_key.as_deref(), ClientId::OPERATOR, &Scope::ALL).await?);
    cloud.webhook_secret = Some(cloud.present_webhook_secret().await?);
    cloud.save(folder)
}

async fn stay(mut running: Running, mut interrupted: Interrupt) -> Result<()> {
    eprintln!("running; Ctrl-C stops it");
    let child = running.child.as_mut().context("the cloud is not ours")?;
    tokio::select! {
        ended = child.wait() => {
            let status = ended?;
            // `down` in another terminal ends it as it should.
            if status.success() { Ok(()) } else { bail!("the local cloud ended by itself ({status})") }
        }
        () = interrupted.wait() => {
            eprintln!("stopping");
            running.stop().await
        }
    }
}

/// Ctrl-C, and what a service manager or a closed terminal sends instead.
struct Interrupt([tokio::signal::unix::Signal; 3]);

impl Interrupt {
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
