//! The arguments of the command line.

mod addons;
mod images;
mod keys;
mod local;
mod providers;
mod target;
mod values;
mod webhooks;

use clap::{Parser, Subcommand};

pub(crate) use addons::{
    AddonKeys, AddonKeysCreate, AddonKeysDeployment, AddonKeysList, Addons, AddonsDelete, AddonsList,
    AddonsPublish, AddonsShow, AddonsStatus, Dependency, addon_id,
};
pub(crate) use images::{Batch, Cancel, Chat, Generate, ImageOptions, Jobs, Watch};
pub(crate) use keys::{Keys, KeysBootstrap, KeysCreate, KeysList, KeysRevoke, KeysRotate};
pub(crate) use local::{Down, LocalArgs, Logs, Status, Up};
pub(crate) use providers::{Deployment, Providers, ProvidersList, ProvidersSet};
pub(crate) use target::Target;
pub(crate) use webhooks::{
    WebhookSecret, WebhookSecretRotate, WebhookSecretShow, Webhooks, WebhooksDisabled, WebhooksEnable,
    WebhooksList, WebhooksListen, WebhooksRedeliver,
};

/// Image generation on your own AWS account, or on this machine.
#[derive(Debug, Parser)]
#[command(name = "semantest", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a local cloud and deploy the platform to it.
    Up(Up),
    /// Stop the local cloud. Its jobs and images are kept for the next `up`.
    Down(Down),
    /// Show whether a local cloud is running, with its address and keys.
    Status(Status),
    /// Manage API keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Configure the image and chat providers.
    #[command(subcommand)]
    Providers(Providers),
    /// Publish addons for the browser extension, and manage their versions and signing keys.
    #[command(subcommand)]
    Addons(Addons),
    /// Generate images from a prompt. Without --url, starts a local cloud if none is running.
    Generate(Generate),
    /// Send a chat message, and optionally generate images from it.
    Chat(Chat),
    /// List image jobs, newest first.
    Jobs(Jobs),
    /// Show the progress of an image job until it has ended.
    Watch(Watch),
    /// Cancel an image job.
    Cancel(Cancel),
    /// Submit every image job of a file, and wait until all have ended.
    Batch(Batch),
    /// Receive webhooks on this machine, list their delivery attempts, and redeliver them.
    #[command(subcommand)]
    Webhooks(Webhooks),
    /// Print the logs of the local cloud's functions, one JSON object per line.
    Logs(Logs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn cli_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_lists_every_provider_and_scope() {
        let help = |path: &[&str]| {
            let mut cli = Cli::command();
            let command =
                path.iter().fold(&mut cli, |command, name| command.find_subcommand_mut(name).unwrap());
            command.render_help().to_string()
        };
        let generate = help(&["generate"]);
        assert!(generate.contains("dalle3, dalle2, gpt_image, stable_diffusion, midjourney or automatic"));
        let create = help(&["keys", "create"]);
        assert!(create.contains("chat, images:write, images:read and keys:admin;"), "{create}");
        assert!(create.contains("addons:admin and clients:admin"), "{create}");
    }

    #[test]
    fn up_accepts_several_parameters() {
        let cli = Cli::try_parse_from(["semantest", "up", "--set", "A=1", "--set", "B=2"]).unwrap();
        let Command::Up(up) = cli.command else { panic!("not up") };
        assert_eq!(up.set.len(), 2);
    }
}
