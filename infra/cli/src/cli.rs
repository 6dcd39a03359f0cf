//! The words of the command line.

mod client;
mod keys;
mod providers;
mod webhooks;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use keys::{Keys, KeysBootstrap, KeysCreate, KeysList, KeysRevoke, KeysRotate};

pub(crate) use providers::{Deployment, Providers, ProvidersList, ProvidersSet};

pub(crate) use webhooks::{
    WebhookSecret, WebhookSecretRotate, WebhookSecretShow, Webhooks, WebhooksDisabled, WebhooksEnable,
    WebhooksList, WebhooksListen, WebhooksRedeliver,
};

pub(crate) use client::{Batch, Cancel, Chat, Generate, Jobs, Look, Target, Watch};

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
    /// Stop the local cloud. Its jobs and images stay for the next `up`.
    Down(Down),
    /// Say whether a local cloud runs, and where.
    Status(Status),
    /// Manage API keys, with a key that may.
    #[command(subcommand)]
    Keys(Keys),
    /// Say which image and chat providers there are, with their keys.
    #[command(subcommand)]
    Providers(Providers),
    /// Generate images from a prompt, on a local cloud started for it if need be.
    Generate(Generate),
    /// Say something in a chat, and draw it if asked to.
    Chat(Chat),
    /// List image jobs, the newest first.
    Jobs(Jobs),
    /// Watch an image job until it has ended.
    Watch(Watch),
    /// End an image job.
    Cancel(Cancel),
    /// Hand in every image job of a file, and watch them until all have ended.
    Batch(Batch),
    /// Receive webhooks on this machine, see what became of them, and send them again.
    #[command(subcommand)]
    Webhooks(Webhooks),
    /// Print what the functions of the local cloud log, one JSON object a line.
    Logs(Logs),
}

/// Which local cloud.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The folder with everything of this cloud. Clouds with other folders and ports never meet.
    #[arg(long, value_name = "DIR", env = "SEMANTEST_DATA", default_value = ".semantest")]
    pub(crate) data: PathBuf,
    /// The Python environment of the emulator, for clouds that share one.
    #[arg(long, value_name = "DIR", env = "SEMANTEST_VENV", hide = true)]
    pub(crate) venv: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The port of its API, its images and its AWS endpoint; 0 picks a free one.
    ///
    /// By default the one it had last, at first 4600.
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Return when it is up, instead of running until Ctrl-C.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Print what it offers as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Use the providers of this document, instead of the sandbox that draws without a network. It stays
    /// so until another is set.
    #[arg(long, value_name = "FILE")]
    pub(crate) providers: Option<PathBuf>,
    /// Set a parameter of template.yaml. It stays set.
    #[arg(long = "set", value_name = "PARAMETER=VALUE", value_parser = parameter)]
    pub(crate) set: Vec<(String, String)>,
}

impl Up {
    /// What a verb starts that finds no cloud.
    pub(crate) const fn detached(place: Place) -> Self {
        Self { place, port: None, detach: true, json: false, providers: None, set: Vec::new() }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print it as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The function, such as image-worker; all of them without.
    pub(crate) function: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Go on with new lines until Ctrl-C.
    #[arg(long)]
    pub(crate) follow: bool,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be Parameter=Value, as in LogLevel=debug".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_parameter_keeps_every_equals_sign_but_the_first() {
        assert_eq!(parameter("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(parameter("A="), Ok(("A".to_owned(), String::new())));
        assert!(parameter("A").is_err());
        assert!(parameter("=b").is_err());
    }

    #[test]
    fn up_takes_several_parameters() {
        let cli = Cli::try_parse_from(["semantest", "up", "--set", "A=1", "--set", "B=2"]).unwrap();
        let Command::Up(up) = cli.command else { panic!("not up") };
        assert_eq!(up.set.len(), 2);
    }
}
