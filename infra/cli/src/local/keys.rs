//! `semantest keys create --key`: a key that is known already, stored in the local cloud's own table.

use anyhow::{Context as _, Result};
use domain::access::{ApiKey, ClientId};

use super::access::Access;
use super::{Cloud, Folder, process};
use crate::{bootstrap, cli, client};

/// Stores `key` for `owner`.
pub(crate) async fn store(args: &cli::KeysCreate, key: &ApiKey, owner: &ClientId) -> Result<()> {
    let folder = Folder::at(&args.target.place.data)?;
    process::running(&folder).await.context("no local cloud runs: start it with `semantest up`")?;
    let cloud = Cloud::load(&folder)?.context("the cloud has no record of itself: run `semantest up`")?;
    let access = Access::to(&cloud.url(), &cloud.stack)?;
    let record = access.add(key, owner, args.name.clone(), &args.scopes).await?;
    client::keys::show(&bootstrap::shown(key, &record), args.json);
    Ok(())
}
