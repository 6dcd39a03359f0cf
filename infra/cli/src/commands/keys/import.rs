//! `semantest keys create --key`: stores an existing key directly in the local cloud's table.

use anyhow::{Context as _, Result};
use domain::access::{ApiKey, ClientId};

use super::output;
use crate::cli;
use crate::local::{Access, Cloud, DataFolder, find_running};

/// Stores `key` as a key of the client `owner`.
pub(crate) async fn run(args: &cli::KeysCreate, key: &ApiKey, owner: &ClientId) -> Result<()> {
    let folder = DataFolder::at(&args.target.local.data)?;
    find_running(&folder).await.context("no local cloud is running: start it with `semantest up`")?;
    let cloud = Cloud::load(&folder)?.context("the local cloud has no cloud.json: run `semantest up`")?;
    let access = Access::new(&cloud.url(), &cloud.stack)?;
    let record = access.add_key(key, owner, args.name.clone(), &args.scopes).await?;
    output::print_key(&output::key_json(key, &record), args.json);
    Ok(())
}
