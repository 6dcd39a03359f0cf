//! `semantest`: runs a local cloud with the platform, and is a client for any deployment of it.

// Everything is printed by `output`, which can stand a closed pipe.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod addon_keys;
mod aws_error;
mod cli;
mod client;
mod commands;
mod interrupts;
mod local;
mod output;
mod providers_document;

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Parser as _;
use cli::{Cli, Command};
use interrupts::Interrupted;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(format_args!("semantest: {error:#}"));
            match error.downcast_ref::<Interrupted>() {
                Some(_) => ExitCode::from(interrupts::EXIT_STATUS),
                None => ExitCode::FAILURE,
            }
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    // Our HTTP clients are built without a default cryptography provider. The AWS SDK uses this one too.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another cryptography provider is installed already"))?;
    match cli.command {
        Command::Up(args) => commands::up::run(args).await,
        Command::Down(args) => commands::down::run(&args).await,
        Command::Status(args) => commands::status::run(&args).await,
        Command::Keys(args) => commands::keys::run(args).await,
        Command::Providers(args) => commands::providers::run(args).await,
        Command::Addons(args) => commands::addons::run(args).await,
        Command::Generate(args) => commands::generate::run(args).await,
        Command::Chat(args) => commands::chat::run(args).await,
        Command::Jobs(args) => commands::jobs::list(args).await,
        Command::Watch(args) => commands::jobs::watch(args).await,
        Command::Cancel(args) => commands::jobs::cancel(args).await,
        Command::Batch(args) => commands::batch::run(args).await,
        Command::Webhooks(args) => commands::webhooks::run(args).await,
        Command::Logs(args) => commands::logs::run(args).await,
    }
}
