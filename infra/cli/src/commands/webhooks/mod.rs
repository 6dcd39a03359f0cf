//! `semantest webhooks`.

mod forward;
mod listen;
mod manage;

use anyhow::Result;

use crate::cli;

pub(crate) async fn run(args: cli::Webhooks) -> Result<()> {
    match args {
        cli::Webhooks::Listen(args) => listen::run(&args).await,
        cli::Webhooks::List(args) => manage::list(&args).await,
        cli::Webhooks::Redeliver(args) => manage::redeliver(&args).await,
        cli::Webhooks::Disabled(args) => manage::disabled(&args).await,
        cli::Webhooks::Enable(args) => manage::enable(&args).await,
        cli::Webhooks::Secret(cli::WebhookSecret::Show(args)) => manage::show_secret(&args).await,
        cli::Webhooks::Secret(cli::WebhookSecret::Rotate(args)) => manage::rotate_secret(&args).await,
    }
}
