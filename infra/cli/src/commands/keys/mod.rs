//! `semantest keys`.

mod bootstrap;
mod import;
mod manage;
mod output;

use anyhow::Result;

use crate::cli;

pub(crate) async fn run(args: cli::Keys) -> Result<()> {
    match args {
        cli::Keys::Create(args) => match (&args.key, &args.client) {
            (Some(key), Some(client)) => import::run(&args, key, client).await,
            _ => manage::create(&args).await,
        },
        cli::Keys::List(args) => manage::list(&args).await,
        cli::Keys::Revoke(args) => manage::revoke(&args).await,
        cli::Keys::Rotate(args) => manage::rotate(&args).await,
        cli::Keys::Bootstrap(args) => bootstrap::run(&args).await,
    }
}
