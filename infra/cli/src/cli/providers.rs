//! The arguments of `semantest providers`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::local::LocalArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum Providers {
    /// Replace the providers document, which holds the providers' addresses and keys.
    Set(ProvidersSet),
    /// List the enabled providers, without their secrets.
    List(ProvidersList),
}

/// Selects the deployment whose providers document to use: by default the local cloud of this machine.
#[derive(Debug, Args)]
pub(crate) struct Deployment {
    /// The CloudFormation stack of a deployment, found with your AWS credentials. By default the local
    /// cloud is used.
    #[arg(long, conflicts_with = "secret")]
    pub(crate) stack: Option<String>,
    /// The name or ARN of a deployment's secret, which is the stack's output ProvidersSecret.
    #[arg(long)]
    pub(crate) secret: Option<String>,
    #[command(flatten)]
    pub(crate) local: LocalArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ProvidersSet {
    /// The providers document, a JSON file; - reads the standard input.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) deployment: Deployment,
}

#[derive(Debug, Args)]
pub(crate) struct ProvidersList {
    #[command(flatten)]
    pub(crate) deployment: Deployment,
    /// Print the providers as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
