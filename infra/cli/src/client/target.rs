//! Resolves the deployment, the key and the user of a command.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use domain::UserId;

use super::api::Api;
use crate::cli;
use crate::local::{self, Cloud, DataFolder, find_running};
use crate::output;

/// What a command does if the local cloud, to which it is to connect, is not running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfStopped {
    /// Starts it: the command makes something new, and is how most clouds begin.
    Start,
    /// Says so: the command is about what a cloud has already, and must not build one for minutes.
    Fail,
}

/// Connects to the given deployment, or else to the local cloud. Also returns the id of the user, which later
/// commands use again.
pub(crate) async fn resolve(target: &cli::Target, if_stopped: IfStopped) -> Result<(Api, String)> {
    if let (Some(url), Some(key)) = (&target.url, &target.api_key) {
        return Ok((Api::new(url, key)?, user_id(&config_folder()?)?));
    }
    let (folder, cloud) = local_cloud(target, if_stopped).await?;
    Ok((local_api(target, &cloud, cloud.api_key.as_deref())?, user_id(folder.path())?))
}

/// Connects like [`resolve`], but to the local cloud with the operator's key.
pub(crate) async fn resolve_operator(target: &cli::Target, if_stopped: IfStopped) -> Result<Api> {
    if let (Some(url), Some(key)) = (&target.url, &target.api_key) {
        return Api::new(url, key);
    }
    let (_, cloud) = local_cloud(target, if_stopped).await?;
    local_api(target, &cloud, cloud.admin_key.as_deref())
}

/// Connects like [`resolve`], but to the local cloud with the key that manages its client `local`, which
/// owns the jobs of the other commands.
pub(crate) async fn resolve_client_admin(target: &cli::Target) -> Result<Api> {
    if let (Some(url), Some(key)) = (&target.url, &target.api_key) {
        return Api::new(url, key);
    }
    let (_, cloud) = local_cloud(target, IfStopped::Fail).await?;
    local_api(target, &cloud, cloud.client_admin_key.as_deref())
}

/// Connects to the local cloud with the key that the user gave, or else with `own`, a key that `semantest up`
/// has made.
fn local_api(target: &cli::Target, cloud: &Cloud, own: Option<&str>) -> Result<Api> {
    let key = target.api_key.as_deref().or(own);
    Api::new(&cloud.url(), key.context("the local cloud has no key for this: run `semantest up`")?)
}

async fn local_cloud(target: &cli::Target, if_stopped: IfStopped) -> Result<(DataFolder, Cloud)> {
    let folder = DataFolder::at(&target.local.data)?;
    if find_running(&folder).await.is_none() {
        if if_stopped == IfStopped::Fail {
            bail!("no local cloud is running in {}: start it with `semantest up`", folder.path().display());
        }
        let (mut running, _) = local::start(&folder, &cli::Up::detached(target.local.clone())).await?;
        running.detach().await?;
        output::note("the local cloud keeps running; `semantest down` stops it");
    }
    let cloud = Cloud::load(&folder)?.context("the local cloud has no cloud.json: run `semantest up`")?;
    Ok((folder, cloud))
}

/// Reads the user's id from the folder, or creates it.
fn user_id(folder: &Path) -> Result<String> {
    let file = folder.join("user-id");
    if let Ok(text) = fs::read_to_string(&file)
        && let Ok(id) = text.trim().parse::<UserId>()
    {
        return Ok(id.to_string());
    }
    let id = UserId::new().to_string();
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::write(&file, &id).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(id)
}

fn config_folder() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
    Ok(config.context("HOME is not set")?.join("semantest"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn given_key_is_used_for_the_local_cloud_too() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key_of = |arguments: &[&str]| {
            let line = ["semantest", "jobs"].iter().chain(arguments);
            let cli::Command::Jobs(args) = cli::Cli::parse_from(line).command else { panic!("not jobs") };
            let cloud = Cloud { port: 4600, ..Cloud::default() };
            local_api(&args.target, &cloud, Some("own")).unwrap().key().to_owned()
        };
        assert_eq!(key_of(&[]), "own");
        assert_eq!(key_of(&["--api-key", "given"]), "given");
    }

    #[tokio::test]
    async fn command_about_what_exists_starts_no_cloud() {
        let folder = std::env::temp_dir().join(UserId::new().to_string());
        let line = ["semantest", "jobs", "--data", folder.to_str().unwrap()];
        let cli::Command::Jobs(args) = cli::Cli::parse_from(line).command else { panic!("not jobs") };
        let cloud = local_cloud(&args.target, IfStopped::Fail).await;
        let error = cloud.err().unwrap().to_string();
        assert!(error.contains("no local cloud is running") && error.contains("semantest up"), "{error}");
        assert!(!folder.exists());
    }

    #[test]
    fn user_id_is_stable() {
        let folder = std::env::temp_dir().join(UserId::new().to_string());
        let first = user_id(&folder).unwrap();
        assert_eq!(user_id(&folder).unwrap(), first);
        fs::remove_dir_all(folder).unwrap();
    }
}
