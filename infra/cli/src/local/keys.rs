//! `semantest keys`.

use anyhow::{Context as _, Result};
use domain::access::ApiKey;
use serde_json::json;

use super::access::Access;
use super::{Cloud, Folder, process};
use crate::cli;

/// Makes a key of any client on the local cloud, and shows it this once.
pub(crate) async fn create(args: &cli::KeysCreate) -> Result<()> {
    let folder = Folder::at(&args.place.data)?;
    process::running(&folder).await.context("no local cloud runs: start it with `semantest up`")?;
    let cloud = Cloud::load(&folder)?.context("the cloud has no record of itself: run `semantest up`")?;
    let key = args.key.clone().unwrap_or_else(ApiKey::generate);
    let record =
        Access::to(&cloud.url(), &cloud.stack)?.add(&key, &args.client, &args.name, &args.scopes).await?;
    if args.json {
        let shown = json!({
            "id": record.id,
            "key": key.expose(),
            "clientId": record.client_id,
            "name": record.name,
            "scopes": record.scopes,
            "createdAt": record.created_at.to_string(),
        });
        println!("{shown}");
    } else {
        println!("{}", key.expose());
        eprintln!("It is not shown again.");
    }
    Ok(())
}
