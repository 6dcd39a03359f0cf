//! Starts the local cloud: builds, boots, deploys, and creates the first keys.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use domain::access::{ClientId, DEFAULT_SCOPES, Scope};
use domain::primitives::NamedValue as _;

use super::access::{Access, LOCAL_CLIENT, secrets_manager};
use super::cloud::{Cloud, Report};
use super::folder::DataFolder;
use super::process::RunningCloud;
use super::{build, deploy, environment, folder, process, python};
use crate::addon_keys::{ADDON_KEYS_SECRET, AddonKeysSecret};
use crate::cli;
use crate::output;
use crate::providers_document::ProvidersDocument;

/// The port of a new cloud.
const DEFAULT_PORT: u16 = 4600;

/// Builds the functions, boots the emulator if it is not running, and deploys the template.
pub(crate) async fn start(data: &DataFolder, args: &cli::Up) -> Result<(RunningCloud, Report)> {
    let _lock = data.prepare()?;
    let workspace = folder::workspace()?;
    let providers = match &args.providers {
        Some(file) => Some(ProvidersDocument::read(file)?.text().to_owned()),
        None => None,
    };
    let mut cloud = Cloud::load(data)?.unwrap_or_default();
    let last = Some(cloud.port).filter(|port| *port != 0);
    let port = args.port.or(last).unwrap_or(DEFAULT_PORT);
    // Before the build, which may take minutes.
    match process::find_running(data).await {
        Some(running) => ensure_port(&running, args)?,
        None => process::ensure_free(port).await?,
    }
    let venv = args.local.venv.clone().unwrap_or_else(|| data.join("venv"));
    let (binaries, interpreter) = tokio::try_join!(build::functions(&workspace), python::interpreter(&venv))?;

    let running = match process::find_running(data).await {
        Some(running) => {
            ensure_port(&running, args)?;
            running
        }
        None => {
            output::note("starting the local cloud");
            process::end_leftovers(data).await;
            let running = process::start(data, &interpreter, port).await?;
            if let Some(saved) = &running.status.last_save_before_kill {
                output::note(format_args!(
                    "the local cloud did not end by itself the last time (it was killed, or this machine lost its power or memory): it goes on from its last save, of {saved}; jobs and webhooks in progress then continue within some minutes"
                ));
            }
            running
        }
    };
    cloud.port = running.port();

    output::note("deploying template.yaml");
    let request = deploy::DeployRequest {
        endpoint: cloud.url(),
        template: workspace.join("template.yaml"),
        binaries,
        data: data.path(),
        parameters: args.set.iter().cloned().collect::<BTreeMap<_, _>>(),
        providers,
    };
    let mut provisioned = provision(data, &interpreter, &request, &mut cloud).await;
    if provisioned.is_ok() {
        provisioned = running.save().await;
    }
    if let Err(error) = provisioned {
        // A cloud without a deployment is useless. One that another command started is left running.
        if running.child.is_some() {
            running.stop().await?;
        }
        return Err(error);
    }
    let report = cloud.report(data, &running.status);
    Ok((running, report))
}

/// Fails if the user asks for another port than that of the running cloud.
fn ensure_port(running: &RunningCloud, args: &cli::Up) -> Result<()> {
    match args.port.filter(|port| *port != 0 && *port != running.port()) {
        Some(port) => bail!(
            "this cloud is already running on port {}: to use {port}, stop it first with `semantest down`",
            running.port()
        ),
        None => Ok(()),
    }
}

/// Deploys to a running emulator, and creates the deployment's first keys.
async fn provision(
    data: &DataFolder,
    interpreter: &Path,
    request: &deploy::DeployRequest<'_>,
    cloud: &mut Cloud,
) -> Result<()> {
    let deployed = deploy::deploy(data, interpreter, request).await?;
    environment::write(data, &cloud.url(), deployed.settings)?;
    cloud.stack = deployed.outputs;
    let access = Access::new(&cloud.url(), &cloud.stack)?;
    cloud.api_key = Some(access.ensure_key(cloud.api_key.as_deref(), LOCAL_CLIENT, &DEFAULT_SCOPES).await?);
    let admin_scopes = [Scope::KeysAdmin];
    cloud.client_admin_key =
        Some(access.ensure_key(cloud.client_admin_key.as_deref(), LOCAL_CLIENT, &admin_scopes).await?);
    cloud.admin_key =
        Some(access.ensure_key(cloud.admin_key.as_deref(), ClientId::OPERATOR, Scope::ALL).await?);
    cloud.webhook_secret = Some(cloud.current_webhook_secret().await?);
    ensure_addon_key(cloud).await?;
    cloud.save(data)
}

/// Makes a first key that signs addons: without one nothing can be published.
async fn ensure_addon_key(cloud: &Cloud) -> Result<()> {
    let id = cloud.stack[ADDON_KEYS_SECRET].as_str();
    let id = id.with_context(|| format!("the stack has no output {ADDON_KEYS_SECRET}"))?;
    AddonKeysSecret::new(&secrets_manager(&cloud.url()), id).ensure_key().await
}
