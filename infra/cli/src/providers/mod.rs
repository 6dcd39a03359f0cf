//! `semantest providers`: which providers a deployment has, by the secret that says so.

pub(crate) mod document;
mod vault;

use anyhow::Result;
use serde_json::json;

use crate::cli;
use document::Document;
use vault::Vault;

/// Replaces the document of a deployment.
pub(crate) async fn set(args: &cli::ProvidersSet) -> Result<()> {
    let document = Document::read(&args.file)?;
    Vault::of(&args.deployment).await?.write(document.text()).await?;
    print(document.enabled());
    eprintln!(
        "Functions that run know it within five minutes; a local cloud knows it at once after `semantest down` and `up`."
    );
    Ok(())
}

/// Names the providers in the document of a deployment.
pub(crate) async fn list(args: &cli::ProvidersList) -> Result<()> {
    let document = Vault::of(&args.deployment).await?.read().await?;
    if args.json {
        println!("{}", json!({ "providers": document.enabled() }));
    } else {
        print(document.enabled());
    }
    Ok(())
}

fn print(enabled: &[&str]) {
    for name in enabled {
        println!("{name}");
    }
    if enabled.is_empty() {
        eprintln!("no provider is enabled");
    }
}
