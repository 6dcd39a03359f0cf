//! Which deployment a verb talks to, and on whose behalf.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use domain::UserId;

use super::api::Api;
use crate::cli;
use crate::local::{self, Cloud, Folder};

/// The deployment that was named, or this machine's own, started if it does not run; and the id of
/// the user on whose behalf we call, which stays the same.
pub(crate) async fn resolve(target: &cli::Target) -> Result<(Api, String)> {
    if let (Some(url), Some(key)) = (&target.url, &target.api_key) {
        return Ok((Api::new(url, key)?, user_id(&config_folder()?)?));
    }
    let (folder, cloud) = local_cloud(target).await?;
    let key = cloud.api_key.as_deref().context("the cloud has no API key: run `semantest up`")?;
    Ok((Api::new(&cloud.url(), key)?, user_id(folder.path())?))
}

/// The same for who manages it: of the local cloud, by the operator's key.
pub(crate) async fn resolve_admin(target: &cli::Target) -> Result<Api> {
    if let (Some(url), Some(key)) = (&target.url, &target.api_key) {
        return Api::new(url, key);
    }
    let (_, cloud) = local_cloud(target).await?;
    let key = cloud.admin_key.as_deref().context("the cloud has no operator's key: run `semantest up`")?;
    Api::new(&cloud.url(), key)
}

/// The same for who manages the own client: of the local cloud, the client that its jobs belong to.
pub(crate) async fn resolve_own_admin(target: &cli::Target) -> Result<Api> {
    if let (Some(url), Some(key)) = (&target.url, &target.api_key) {
        return Api::new(url, key);
    }
    let (_, cloud) = local_cloud(target).await?;
    let key = cloud.client_admin_key.as_deref().context("the cloud has no such key: run `semantest up`")?;
    Api::new(&cloud.url(), key)
}

async fn local_cloud(target: &cli::Target) -> Result<(Folder, Cloud)> {
    let folder = Folder::at(&target.place.data)?;
    if local::running(&folder).await.is_none() {
        let (mut running, _) = local::up::start(&folder, &cli::Up::detached(target.place.clone())).await?;
        running.let_go().await?;
        eprintln!("the local cloud keeps running: `semantest down` stops it");
    }
    let cloud = Cloud::load(&folder)?.context("the cloud has no record of itself: run `semantest up`")?;
    Ok((folder, cloud))
}

fn user_id(folder: &Path) -> Result<String> {
    let file = folder.join("user-id");
    if let Ok(text) = fs::read_to_string(&file)
        && let Ok(id) = text.trim().parse::<UserId>()
    {
        return Ok(id.to_string());
    }
    let id = UserId::new().to_string();
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(&file, &id).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(id)
}

fn config_folder() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")));
    Ok(config.context("HOME is not set")?.join("semantest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_stays_the_same() {
        let folder = std::env::temp_dir().join(UserId::new().to_string());
        let first = user_id(&folder).unwrap();
        assert_eq!(user_id(&folder).unwrap(), first);
        fs::remove_dir_all(folder).unwrap();
    }
}
