//! `semantest`: a local cloud to run the platform on, and a client for any deployment of it.

mod bootstrap;
mod cli;
mod client;
mod listen;
mod local;
mod providers;

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Parser as _;
use cli::{Cli, Command};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("semantest: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    // Our HTTP clients bring no cryptography of their own; this is the one of the AWS SDK too.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another cryptography provider is installed already"))?;
    match cli.command {
        Command::Up(args) => local::up::run(args).await,
        Command::Down(args) => local::down(&args).await,
        Command::Status(args) => local::status(&args).await,
        Command::Keys(args) => keys(args).await,
        Command::Providers(args) => match args {
            cli::Providers::Set(args) => providers::set(&args).await,
            cli::Providers::List(args) => providers::list(&args).await,
        },
        Command::Generate(args) => client::generate::run(args).await,
        Command::Chat(args) => client::chat::run(args).await,
        Command::Jobs(args) => client::jobs::list(args).await,
        Command::Watch(args) => client::jobs::watch(args).await,
        Command::Cancel(args) => client::jobs::cancel(args).await,
        Command::Batch(args) => client::batch::run(args).await,
        Command::Webhooks(args) => webhooks(args).await,
        Command::Logs(args) => local::logs::run(args).await,
    }
}

async fn webhooks(args: cli::Webhooks) -> Result<()> {
    match args {
        cli::Webhooks::Listen(args) => listen::run(&args).await,
        cli::Webhooks::List(args) => client::webhooks::list(&args).await,
        cli::Webhooks::Redeliver(args) => client::webhooks::redeliver(&args).await,
        cli::Webhooks::Disabled(args) => client::webhooks::disabled(&args).await,
        cli::Webhooks::Enable(args) => client::webhooks::enable(&args).await,
        cli::Webhooks::Secret(cli::WebhookSecret::Show(args)) => client::webhooks::show_secret(&args).await,
        cli::Webhooks::Secret(cli::WebhookSecret::Rotate(args)) => {
            client::webhooks::rotate_secret(&args).await
        }
    }
}

async fn keys(args: cli::Keys) -> Result<()> {
    match args {
        cli::Keys::Create(args) => match (&args.key, &args.client) {
            (Some(key), Some(client)) => local::keys::store(&args, key, client).await,
            _ => client::keys::create(&args).await,
        },
        cli::Keys::List(args) => client::keys::list(&args).await,
        cli::Keys::Revoke(args) => client::keys::revoke(&args).await,
        cli::Keys::Rotate(args) => client::keys::rotate(&args).await,
        cli::Keys::Bootstrap(args) => bootstrap::run(&args).await,
    }
}
