//! The words of `semantest providers`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum Providers {
    /// Replace the providers document: which providers there are, with their addresses and keys.
    Set(ProvidersSet),
    /// Name the providers that are enabled, without their secrets.
    List(ProvidersList),
}

/// Whose providers document.
#[derive(Debug, Args)]
pub(crate) struct Deployment {
    /// The deployment's CloudFormation stack, with your AWS credentials; the local cloud without.
    #[arg(long, conflicts_with = "secret")]
    pub(crate) stack: Option<String>,
    /// The name or ARN of the deployment's secret, as the stack's output ProvidersSecret tells it.
    #[arg(long)]
    pub(crate) secret: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct ProvidersSet {
    /// The document, a file of JSON; - for the standard input.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) deployment: Deployment,
}

#[derive(Debug, Args)]
pub(crate) struct ProvidersList {
    #[command(flatten)]
    pub(crate) deployment: Deployment,
    /// Print them as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
