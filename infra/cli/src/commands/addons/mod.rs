//! `semantest addons`.

mod content;
mod fields;
mod keys;
mod manage;
mod output;
mod publish;
#[cfg(test)]
mod tests;

use anyhow::Result;

use crate::cli;

pub(crate) async fn run(args: cli::Addons) -> Result<()> {
    match args {
        cli::Addons::Publish(args) => publish::run(&args).await,
        cli::Addons::List(args) => manage::list(&args).await,
        cli::Addons::Show(args) => manage::show(&args).await,
        cli::Addons::Status(args) => manage::status(&args).await,
        cli::Addons::Delete(args) => manage::delete(&args).await,
        cli::Addons::Keys(cli::AddonKeys::Create(args)) => keys::create(&args).await,
        cli::Addons::Keys(cli::AddonKeys::List(args)) => keys::list(&args).await,
    }
}
