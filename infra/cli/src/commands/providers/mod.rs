//! `semantest providers`: reads and replaces the providers document of a deployment.

mod secret;

use anyhow::Result;
use secret::ProvidersSecret;
use serde_json::json;

use crate::cli;
use crate::output;
use crate::providers_document::ProvidersDocument;

pub(crate) async fn run(args: cli::Providers) -> Result<()> {
    match args {
        cli::Providers::Set(args) => set(&args).await,
        cli::Providers::List(args) => list(&args).await,
    }
}

async fn set(args: &cli::ProvidersSet) -> Result<()> {
    let document = ProvidersDocument::read(&args.file)?;
    ProvidersSecret::find(&args.deployment).await?.write(document.text()).await?;
    print_enabled(document.enabled());
    output::note("Running functions use the document within a minute.");
    Ok(())
}

async fn list(args: &cli::ProvidersList) -> Result<()> {
    let document = ProvidersSecret::find(&args.deployment).await?.read().await?;
    if args.json {
        output::line(json!({ "providers": document.enabled() }));
    } else {
        print_enabled(document.enabled());
    }
    Ok(())
}

fn print_enabled(enabled: &[&str]) {
    for name in enabled {
        output::line(name);
    }
    if enabled.is_empty() {
        output::note("no provider is enabled");
    }
}
