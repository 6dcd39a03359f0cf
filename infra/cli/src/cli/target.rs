//! The arguments that select a deployment.

use clap::Args;

use super::local::LocalArgs;

/// Selects the deployment of a client command: by default the local cloud of this machine.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    #[allow(rustdoc::bare_urls, reason = "a help text, shown as it is")]
    /// The address of a deployment, such as https://abc.execute-api.eu-west-1.amazonaws.com
    #[arg(long, env = "SEMANTEST_URL", requires = "api_key")]
    pub(crate) url: Option<String>,
    /// An API key of the deployment.
    #[arg(long, env = "SEMANTEST_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    #[command(flatten)]
    pub(crate) local: LocalArgs,
}
